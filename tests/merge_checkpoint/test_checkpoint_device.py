"""Work on checkpoints on another device: the same bytes, for nothing is left behind on the processor."""

from pathlib import Path

import pytest
import torch

from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.checkpoint.extract import run_extract
from lib_lbw.merge.checkpoint.extract_plan import Extraction, plan_extract
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.device import CPU
from lib_lbw.merge.numbers.ranks import SvFro
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from tests.merge.other_device import ELSEWHERE, OtherDevice
from tests.merge_checkpoint.test_into_checkpoint import roles
from tests.merge_checkpoint.tiny import save, single_file, tiny, tuned, write_lora

FORMS = ("lora", "loha", "lokr", "full", "dora", "ia3", "oft")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("base") / "base.safetensors", single_file(tiny("sd1")), torch.float16)


@pytest.mark.parametrize("ranks", [Ranks(4), Ranks(rule=SvFro(0.9))])
def test_extracting(tmp_path: Path, base: Path, ranks: Ranks) -> None:
    other = save(tmp_path / "tuned.safetensors", single_file(tuned(tiny("sd1"))), torch.float16)
    made = []
    for device in (CPU, ELSEWHERE):
        recipe = Recipe("extract", (Source(other), Source(base)), tmp_path / f"{device.type}.safetensors", ranks=ranks)
        with OtherDevice():
            made.append(run_extract(plan_extract(Extraction(recipe, biases=True)), device=device).path)
    one, there = map(LoraFile, made)
    for module, same in zip(one.modules, there.modules, strict=True):
        held, found = one.read(module), there.read(same)
        assert all(torch.allclose(held[role].float(), found[role].float(), atol=1e-6) for role in held)


@pytest.mark.parametrize("seed", [None, 3])
def test_building_in(tmp_path: Path, base: Path, seed: int | None) -> None:
    shapes = {key: tuple(layer.weight.shape) for key, layer in tiny("sd1").layers().items() if key.component == "unet"}
    layers = [key for key, shape in shapes.items() if len(shape) > 1][::3]
    held = {key: roles(form, shapes[key], n) for n, (key, form) in enumerate(zip(layers, FORMS, strict=False))}
    lora = write_lora(tmp_path / "lora.safetensors", "sd1", held)
    made = []
    for device in (CPU, ELSEWHERE):
        recipe = Recipe("into-checkpoint", (Source(lora, 0.7),), tmp_path / f"{device.type}.safetensors", base=base)
        with OtherDevice():
            made.append(run_into(plan_into(recipe, seed=seed), device=device))
    one, there = (Checkpoint(each.path) for each in made)
    assert made[0].changed == len(FORMS)
    for key, slot in one.slots.items():
        assert torch.allclose(one.read(slot).float(), there.read(there.slots[key]).float(), atol=1e-6)
    assert made[1].survival == made[0].survival

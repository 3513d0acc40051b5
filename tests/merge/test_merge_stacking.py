"""Plain halves side by side: the same file as by the longer way, and the longer way wherever that is needed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.finishing import Finisher
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.stacking import Stacker
from tests.merge.merging import LAYERS, Made, merged

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "unet.mid_block.resnets.0.conv1"
PLAIN = Made(dict.fromkeys(LAYERS, "lora"), rank=2, alpha=0.7, dtype=torch.float16)


def recipe(folder: Path, *made: tuple[Made, float], name: str = "out") -> Recipe:
    sources = tuple(Source(file.write(folder, f"lora{n}"), ratio) for n, (file, ratio) in enumerate(made))
    return Recipe("merge", sources, folder / f"{name}.safetensors")


def without_stacking(monkeypatch: Any) -> None:
    monkeypatch.setattr(Stacker, "outcome", lambda self, job: None)


def finished_modules(monkeypatch: Any) -> list[str]:
    """Return a list that the modules are put into that take the longer way."""
    found: list[str] = []
    longer = Finisher.finish

    def finish(self: Finisher, job: Any, *rest: Any) -> Any:
        found.append(str(job.id))
        return longer(self, job, *rest)

    monkeypatch.setattr(Finisher, "finish", finish)
    return found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ratios", [(0.7, -0.4), (1.0, 1.0), (1e-3, 2.5)])
def test_the_file_is_that_of_the_longer_way(
    tmp_path: Path, monkeypatch: Any, dtype: torch.dtype, ratios: tuple[float, float]
) -> None:
    made = replace(PLAIN, dtype=dtype)
    given = recipe(tmp_path, (made, ratios[0]), (replace(made, rank=1, seed=4), ratios[1]))
    longer = finished_modules(monkeypatch)
    short = merged(given)
    assert len(longer) < len(LAYERS)
    without_stacking(monkeypatch)
    long = merged(replace(given, output=tmp_path / "long.safetensors"))
    assert short.error == pytest.approx(long.error, rel=2e-3)
    assert short.kept == pytest.approx(long.kept, abs=1e-8)
    assert short.ranks == long.ranks
    one, other = load_file(short.path), load_file(long.path)
    assert one.keys() == other.keys()
    for key, tensor in one.items():
        assert tensor.dtype == other[key].dtype
        torch.testing.assert_close(tensor, other[key], rtol=torch.finfo(tensor.dtype).eps, atol=6e-8)


def test_a_layer_that_cancels_is_left_out_and_the_others_stay(tmp_path: Path, monkeypatch: Any) -> None:
    longer = finished_modules(monkeypatch)
    both = replace(PLAIN, forms={LAYER: "lora", CONV: "lora"})
    result = merged(recipe(tmp_path, (both, 0.5), (replace(both, forms={LAYER: "lora"}), -0.5)))
    assert result.dropped == (LAYER,)
    assert [str(module.id) for module in LoraFile(result.path).modules] == [CONV]
    assert LAYER in longer


@pytest.mark.parametrize(
    "made",
    [replace(PLAIN, dtype=torch.float32), replace(PLAIN, forms={CONV: "tucker"}), replace(PLAIN, forms={CONV: "loha"})],
)
def test_what_is_not_plain_takes_the_longer_way(tmp_path: Path, monkeypatch: Any, made: Made) -> None:
    longer = finished_modules(monkeypatch)
    merged(recipe(tmp_path, (made, 1.0), (replace(made, seed=1), 0.5)))
    assert sorted(longer) == sorted(made.forms)

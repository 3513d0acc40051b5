"""Where merges are computed: the processor by default, another device by choice, the same result on both."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.merge import run, workers
from lib_lbw.merge.device import CPU, devices, threads, usable
from lib_lbw.merge.measuring import measure
from lib_lbw.merge.numbers.ranks import SvFro
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Method, Ranks, Recipe, Source
from lib_lbw.merge.run import run_merge
from tests.merge.merging import FREE, LAYERS, Made
from tests.merge.other_device import ELSEWHERE, OtherDevice, TwoDevicesError, Workers

CONV = "unet.mid_block.resnets.0.conv1"
NORM = "unet.mid_block.resnets.0.norm1"
RECIPES: dict[str, dict[str, Any]] = {
    "exact": {},
    "cut": {"ranks": Ranks(2, te=1)},
    "rule": {"ranks": Ranks(rule=SvFro(0.9))},
    "size": {"ranks": Ranks(size=40_000)},
    "ties": {"method": Method("ties", 0.6)},
    "average": {"method": Method("ties", 0.6, average=True)},
    "dare": {"method": Method("dare", 0.6, seed=3)},
    "common": {"method": Method("common")},
    "unique": {"method": Method("unique")},
}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two LoRAs that hold every algorithm between them, in single and half precision."""
    first = Made({**dict(zip(LAYERS, ("lora", "tucker", "loha", "lokr_full", "full"), strict=True)), NORM: "norm"})
    second = Made({**dict.fromkeys(LAYERS, "lora"), CONV: "lokr_tucker", NORM: "norm"}, seed=1, dtype=torch.float16)
    return first.write(tmp_path, "a"), second.write(tmp_path, "b")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    monkeypatch.setattr(workers, "ThreadPoolExecutor", Workers)
    monkeypatch.setattr(OtherDevice, "computed", 0)
    return ELSEWHERE


def tensors(path: Path) -> dict[str, torch.Tensor]:
    file = LoraFile(path)
    return {
        info.name: held[role].double()
        for m in file.modules
        for held in [file.read(m)]
        for role, info in m.tensors.items()
    }


def apart(one: Path, other: Path) -> float:
    """Return the greatest difference of a tensor, relative to its greatest number."""
    a, b = tensors(one), tensors(other)
    assert a.keys() == b.keys()
    return max(float((a[key] - b[key]).abs().max() / a[key].abs().max().clamp(min=1e-30)) for key in a)


@pytest.mark.parametrize("name", RECIPES)
def test_every_merge_is_the_same_on_another_device(
    tmp_path: Path, pair: tuple[Path, Path], elsewhere: torch.device, name: str
) -> None:
    made, counts = [], [0]
    for device in (CPU, elsewhere):
        items = Source(pair[0], 0.7), Source(pair[1], -0.4)
        recipe = Recipe("merge", items, tmp_path / f"{device.type}.safetensors", dtype="fp32", **RECIPES[name])
        made.append(run_merge(plan_merge(recipe), device=device))
        counts.append(OtherDevice.computed - counts[-1])
    assert counts[2] > 2 * counts[1]  # here and there shapes are told by that device
    assert apart(made[0].path, made[1].path) < 1e-6
    assert made[1].error == pytest.approx(made[0].error, rel=1e-6, abs=1e-9)
    assert made[1].kept == pytest.approx(made[0].kept)


@pytest.mark.parametrize("form", FREE)
def test_every_algorithm_is_cut_on_another_device(tmp_path: Path, elsewhere: torch.device, form: str) -> None:
    path = Made({CONV: form}).write(tmp_path, "a")
    made = []
    for device in (CPU, elsewhere):
        recipe = Recipe(
            "resize", (Source(path),), tmp_path / f"{device.type}.safetensors", ranks=Ranks(1), dtype="fp32"
        )
        made.append(run_merge(plan_merge(recipe), device=device).path)
    assert apart(*made) < 1e-6


def test_measures_are_the_same_on_another_device(
    pair: tuple[Path, Path], tmp_path: Path, elsewhere: torch.device
) -> None:
    plan = plan_merge(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    here, there = measure(plan), measure(plan, device=elsewhere)
    assert OtherDevice.computed
    assert [dict(each) for each in there.energies] == [pytest.approx(dict(each)) for each in here.energies]
    assert [each.cosine for each in there.overlaps] == pytest.approx([each.cosine for each in here.overlaps])


def test_the_other_device_sees_a_tensor_that_was_left_behind(elsewhere: torch.device) -> None:
    with OtherDevice():
        there = torch.ones(3).to(elsewhere)
        assert float((there + there).sum()) == 6
        for mixed in (lambda: there + torch.ones(3), lambda: torch.cat([there, torch.zeros(1)]), there.numpy):
            with pytest.raises((TwoDevicesError, RuntimeError)):
                mixed()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no cuda device")
@pytest.mark.parametrize("name", RECIPES)
def test_a_graphics_card_gives_the_same(tmp_path: Path, pair: tuple[Path, Path], name: str) -> None:
    made = []
    for device in (CPU, usable("cuda")):
        items = Source(pair[0], 0.7), Source(pair[1], -0.4)
        recipe = Recipe("merge", items, tmp_path / f"{device.type}.safetensors", dtype="fp32", **RECIPES[name])
        made.append(run_merge(plan_merge(recipe), device=device))
    energies = [sum(float(t.square().sum()) for t in tensors(each.path).values()) for each in made]
    assert energies[1] == pytest.approx(energies[0], rel=1e-6)  # signs of singular vectors may differ
    assert made[1].error == pytest.approx(made[0].error, rel=1e-5, abs=1e-8)


def test_the_processor_by_name_is_the_default(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    plain, named = (
        Recipe("merge", tuple(map(Source, pair)), tmp_path / f"{n}.safetensors", ranks=Ranks(2)) for n in "xy"
    )
    one, other = run_merge(plan_merge(plain)), run_merge(plan_merge(named), device=usable("cpu"))
    assert one.sha256 == other.sha256
    assert "device" not in read_header(other.path).metadata["lbw_recipe"]


@pytest.mark.parametrize(("count", "known"), [(0, ("cpu",)), (1, ("cpu", "cuda")), (2, ("cpu", "cuda:0", "cuda:1"))])
def test_devices_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch, count: int, known: tuple[str, ...]) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    assert devices() == known
    for name in known:
        assert usable(name) == torch.device(name)
    if count:
        assert usable("cuda").type == usable("cuda:0").type == "cuda"
    absent = f"cuda:{count}" if count else "cuda"
    with pytest.raises(
        MergeError, match=f"there is no device '{absent}' to compute on; here there is: {', '.join(known)}"
    ):
        usable(absent)
    with pytest.raises(MergeError, match="mps has no float64, in which merges are computed; here there is: cpu"):
        usable("mps")


def test_one_module_at_a_time_on_a_graphics_card() -> None:
    assert (threads(CPU), threads(torch.device("cuda"))) == (None, 1)


def test_a_full_graphics_card_is_told_and_nothing_is_left(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(run, "process", full)
    before = sorted(tmp_path.iterdir())
    plan = plan_merge(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    with pytest.raises(MergeError, match="the memory of cuda is full; free some, or compute on the processor"):
        run_merge(plan, device=torch.device("cuda"))
    assert sorted(tmp_path.iterdir()) == before


def test_products_are_of_full_numbers_whatever_the_program_allows() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        inside = workers.map_modules(lambda _: torch.get_float32_matmul_precision(), range(3), str)
        assert set(inside) == {"highest"}
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")

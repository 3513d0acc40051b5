"""No file is ever lost: refusals before, stops between, kills at any moment."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_lbw.errors import LoraFileError, MergeError, MergeStopped
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge import output, workers
from lib_lbw.merge.destination import check_destination, file_in, folder_made, prompt_hint, put_in_place
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.merge.run import run_merge
from tests.lora.make_lora import LoraFiles, make_state
from tests.merge.merging import LAYERS, METADATA, Made, merged

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
NAME = "lora_unet_mid_block_attentions_0_proj_in"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return tuple(Made(dict.fromkeys(LAYERS, "lora"), seed=n).write(tmp_path, f"l{n}") for n in range(2))  # type: ignore[return-value]


def test_an_existing_file_is_kept_unless_told(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"precious")
    recipe = Recipe("merge", tuple(map(Source, pair)), out)
    with pytest.raises(MergeError, match="is there already"):
        plan_merge(recipe)
    assert out.read_bytes() == b"precious"
    assert merged(recipe, replace="file").path == out


def test_an_input_is_kept_unless_told_twice(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    recipe = Recipe("merge", tuple(map(Source, pair)), pair[0])
    before = pair[0].read_bytes()
    for replace in ("nothing", "file"):
        with pytest.raises(MergeError, match="is one of the files that go in"):
            merged(recipe, replace=replace)
    assert pair[0].read_bytes() == before
    merged(recipe, replace="input")
    assert LoraFile(pair[0]).modules[0].rank == 4


def test_an_input_under_another_name_is_still_one(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(pair[0])
    with pytest.raises(MergeError, match="is one of the files that go in"):
        plan_merge(Recipe("merge", tuple(map(Source, pair)), link), replace="file")


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    out = tmp_path / "out.safetensors"
    plan = plan_merge(Recipe("merge", tuple(map(Source, pair)), out))

    def intrude(done: int, total: int, name: str) -> None:
        out.write_bytes(b"theirs")

    with pytest.raises(MergeError, match="written by somebody else meanwhile"):
        run_merge(plan, intrude)
    assert out.read_bytes() == b"theirs"
    assert left(tmp_path) == ["l0.safetensors", "l1.safetensors", "out.safetensors"]


def test_without_hard_links_it_is_moved(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    finished = tmp_path / "finished"
    finished.write_bytes(b"new")
    put_in_place(finished, tmp_path / "out", replace=False)
    assert (tmp_path / "out").read_bytes() == b"new"
    finished.write_bytes(b"newer")
    with pytest.raises(MergeError, match="meanwhile"):
        put_in_place(finished, tmp_path / "out", replace=False)


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: Any
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 10, 1000))
    with pytest.raises(MergeError, match="1000 are free"):
        merged(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    assert left(tmp_path) == ["l0.safetensors", "l1.safetensors"]


def test_what_does_not_read_back_is_not_put_in_place(tmp_path: Path, pair: tuple[Path, Path], monkeypatch: Any) -> None:
    monkeypatch.setattr(output, "payload_digest", lambda _: ("0" * 64, 0))
    with pytest.raises(MergeError, match="gave back something else"):
        merged(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    assert left(tmp_path) == ["l0.safetensors", "l1.safetensors"]


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, pair: tuple[Path, Path], monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lib_lbw.lora.atomic.os.fsync", fail)
    with pytest.raises(LoraFileError, match="No space left on device"):
        merged(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    assert left(tmp_path) == ["l0.safetensors", "l1.safetensors"]


def test_it_stops_between_modules_and_leaves_nothing(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int]] = []
    plan = plan_merge(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    with pytest.raises(MergeStopped):
        run_merge(plan, lambda done, total, _: seen.append((done, total)), lambda: len(seen) >= 2)
    assert 2 <= len(seen) < 5
    assert left(tmp_path) == ["l0.safetensors", "l1.safetensors"]


@pytest.mark.parametrize("ranks", [Ranks(), Ranks(size=40_000)])
def test_progress_counts_every_pass(tmp_path: Path, pair: tuple[Path, Path], ranks: Ranks) -> None:
    seen: list[tuple[int, int]] = []
    recipe = Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors", ranks=ranks)
    run_merge(plan_merge(recipe), lambda done, total, _: seen.append((done, total)))
    total = 5 if ranks == Ranks() else 10
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_torch_gets_its_threads_back(monkeypatch: Any) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        inside = workers.map_modules(lambda _: torch.get_num_threads(), range(4), str)
        assert set(inside) == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_no_more_modules_are_begun_than_there_are_workers(monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise MergeError("no")
        return item

    with pytest.raises(MergeError):
        workers.map_modules(work, range(100), str)
    assert len(begun) < 10


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_with_their_modules(tmp_path: Path, value: float) -> None:
    state = make_state({f"lora_unet_mid_block_attentions_0_proj_{end}": (8, 8) for end in ("in", "out")})
    state[f"{NAME}.lora_up.weight"][0, 0] = value
    path = LoraFiles(tmp_path).save("bad", state, METADATA)
    for operation, ranks in (("bake", Ranks()), ("resize", Ranks(2)), ("resize", Ranks(size=9_999_999))):
        with pytest.raises(MergeError, match=f"NaN or an infinity stands in 1 module: bad {NAME}"):
            merged(Recipe(operation, (Source(path),), tmp_path / "out.safetensors", ranks=ranks))  # type: ignore[arg-type]
    assert left(tmp_path) == ["bad.safetensors"]


def test_what_float16_cannot_hold_is_refused_or_widened(tmp_path: Path) -> None:
    state = {f"{NAME}.diff": torch.full((4, 4), 6e4).half(), "lora_unet_conv_in.diff": torch.ones(4, 4, 3, 3).half()}
    path = LoraFiles(tmp_path).save("a", state, METADATA)
    recipe = Recipe("merge", (Source(path, 2.0),), tmp_path / "out.safetensors", dtype="fp16")
    with pytest.raises(MergeError, match=rf"F16 cannot hold the numbers of 1 module: {NAME}\. Choose fp32"):
        merged(recipe)
    result = merged(Recipe("merge", (Source(path, 2.0),), tmp_path / "out.safetensors"))
    dtypes = {str(m.id): m.tensors["diff"].dtype for m in LoraFile(result.path).modules}
    assert dtypes == {"unet.conv_in": "F16", "unet.mid_block.attentions.0.proj_in": "F32"}
    assert any("stored in float32" in str(notice) for notice in result.notices)


def test_large_factors_are_balanced_before_they_are_widened(tmp_path: Path) -> None:
    state = make_state({NAME: (8, 8)}, rank=2, dtype=torch.float16)
    state[f"{NAME}.lora_up.weight"] *= 3e4
    a = LoraFiles(tmp_path).save("a", state, METADATA)
    b = LoraFiles(tmp_path).write("b", {NAME: (8, 8)}, rank=2, dtype=torch.float16, metadata=METADATA)
    result = merged(Recipe("merge", (Source(a, 4.0), Source(b)), tmp_path / "out.safetensors", dtype="fp16"))
    assert result.error < 1e-3


def test_a_source_that_changes_while_it_is_read_is_noticed(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    plan = plan_merge(Recipe("merge", tuple(map(Source, pair)), tmp_path / "out.safetensors"))
    Made(dict.fromkeys(LAYERS, "lora"), seed=8).write(tmp_path, "l1")
    with pytest.raises(LoraFileError, match="was changed since it was opened"):
        run_merge(plan)


KILLED = """
import os, signal, sys, time
from pathlib import Path
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.run import run_merge

folder = Path(sys.argv[1])
sources = Source(folder / "a.safetensors"), Source(folder / "b.safetensors", 0.5)
plan = plan_merge(Recipe("merge", sources, folder / "out.safetensors"), replace="file")
for delay in range(12):
    child = os.fork()
    if not child:
        while True:
            run_merge(plan)
    time.sleep(0.02 + delay / 97)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(LoraFile(folder / "out.safetensors").modules) == 2
    print("whole", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
def test_killed_at_any_moment_a_whole_file_has_the_name(tmp_path: Path) -> None:
    names = {f"lora_unet_down_blocks_1_attentions_{n}_proj_in": (320, 320) for n in range(2)}
    for n, name in enumerate("ab"):
        LoraFiles(tmp_path).write(name, names, rank=64, seed=n, metadata=METADATA)
    merged(Recipe("merge", (Source(tmp_path / "a.safetensors"),), tmp_path / "out.safetensors"))
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert (done.stdout.split(), done.stderr) == (["whole"] * 12, "")
    visible = [path.name for path in tmp_path.glob("*.safetensors")]
    assert sorted(visible) == ["a.safetensors", "b.safetensors", "out.safetensors"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            ".",
            "..",
            "a/b",
            "a\\b",
            "C:a",
            "a:b",
            "a*",
            "a\0",
            "a\n",
            "CON",
            "nul",
            "com1.safetensors",
            "LPT³",
        ),
        *("a.", "a ", " a", ".hidden", "日" * 100, "../a", "/a", "a|b", "con.x", "LPT³"),
    ],
)
def test_names_that_no_lora_may_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(MergeError, match="cannot name a LoRA"):
        file_in(tmp_path, name)


def test_names_that_a_lora_may_have(tmp_path: Path) -> None:
    assert file_in(tmp_path, "my lora, v1.5") == tmp_path / "my lora, v1.5.safetensors"
    assert file_in(tmp_path, "a.safetensors") == tmp_path / "a.safetensors"
    assert file_in(tmp_path, "e\u0301") == tmp_path / "\u00e9.safetensors"
    assert file_in(tmp_path, "日本") == tmp_path / "日本.safetensors"
    assert file_in(tmp_path, "console") == tmp_path / "console.safetensors"
    assert file_in(tmp_path, "a.SafeTensors") == tmp_path / "a.safetensors"


@pytest.mark.parametrize("ending", [".pt", ".ckpt", ".bin", ".safetensor", ".PT"])
def test_the_ending_of_another_format_is_told(tmp_path: Path, ending: str) -> None:
    with pytest.raises(MergeError, match=r"write v1\.5\.safetensors"):
        file_in(tmp_path, f"v1.5{ending}")


def test_a_folder_that_is_made_goes_again_when_the_work_fails(tmp_path: Path) -> None:
    with folder_made(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a" / "b").is_dir()
    with pytest.raises(RuntimeError), folder_made(tmp_path / "a" / "c" / "d"):
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b"]
    (tmp_path / "file").touch()
    with pytest.raises(MergeError, match="cannot be made"), folder_made(tmp_path / "file" / "no"):
        pass


def test_a_name_that_a_prompt_cannot_hold_is_told() -> None:
    assert prompt_hint("a, b") == ","
    assert prompt_hint("plain") == ""


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    for path, sentence in (
        (tmp_path / "a.pt", "must end in"),
        (tmp_path / "file" / "no" / "a.safetensors", "is a file, not a folder"),
        (tmp_path / "dir.safetensors", "is a folder"),
    ):
        (tmp_path / "dir.safetensors").mkdir(exist_ok=True)
        (tmp_path / "file").touch()
        with pytest.raises(MergeError, match=sentence):
            check_destination(path, [], "input")

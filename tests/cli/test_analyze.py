import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lib_lbw.hosts.base import Picture

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2

PROMPT = "a <lora:plain:1:1:lbw=XYZ>"
BLOCKS = ["BASE", "IN04", "MID", "OUT03"]
PLOT = ("--x", "values:0,R", "--y", "Block ID:IN04,OUT03-OUT05", "--z", "seed:1,2")


class Painter:
    """Stands in for a session: paints each picture in a colour of its own; may press Ctrl+C after some."""

    def __init__(self, press_after: int = -1) -> None:
        self.settings = Picture("", steps=2, width=16, height=16)
        self.drawn: list[str] = []
        self.notices: tuple[Any, ...] = ()
        self.press_after = press_after
        self.host = SimpleNamespace(notices=lambda plans: ("the model lacks a module",))

    def prepare(self, prompt: str, seed: int) -> SimpleNamespace:
        return SimpleNamespace(notices=("a tag of the prompt",), plans=())

    def generate_many(
        self,
        requests: Sequence[Any],
        on_image: Any,
        on_step: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        for index, request in enumerate(requests):
            if index == self.press_after:
                os.kill(os.getpid(), signal.SIGINT)
            on_step(1, 2)
            if should_stop():
                return
            self.drawn.append(request.prompt)
            shade = hash((request.prompt, request.seed)) % 256
            on_image(index, Image.new("RGB", (16, 16), (shade, 255 - shade, 80)), "text")


@pytest.fixture
def analyze(run: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def analyze(painter: Painter, *words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("lib_lbw.cli.opening.open_session", lambda arguments, loras: painter)
        return run("analyze", "--prompt", PROMPT, "--lora-dir", folder, "--out", tmp_path / "out", *words)

    return analyze


def test_everything_is_written(analyze: Any, tmp_path: Path) -> None:
    painter = Painter()
    status, out, err = analyze(painter, "--json")
    told = json.loads(out)
    assert status == 0
    assert told["complete"]
    assert (told["family"], told["blocks"], told["pictures"]) == ("Stable Diffusion 1.x", BLOCKS, 6)
    assert "OUT04" in told["absent"]
    assert err.index("(Stable Diffusion 1.x, 6 pictures)") < err.index("holds BASE IN04 MID OUT03\n") < err.index("6/6")
    assert [row["label"] for row in told["rows"] if row["kind"] == "block"] == BLOCKS
    for name in ("grid.png", "results.json", "results.csv", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert len([*(tmp_path / "out/cells").iterdir()]) == len(painter.drawn) == 6
    assert "6/6" in err


def test_options_reach_the_plan(analyze: Any, tmp_path: Path) -> None:
    options = ["--blocks", "17ALL", "--seeds", "1,4", "--range=-1,0.5", "--inverse", "--threshold", 9]
    assert analyze(Painter(), *options, "--diff-color", "white", "--swap-axes", "--steps", 3)[0] == 0
    study = json.loads((tmp_path / "out/results.json").read_text("utf-8"))["plan"]["study"]
    assert (study["blocks"], study["seeds"], study["range"]) == ("17ALL", [1, 4], [-1, 0.5])
    assert (study["inverse"], study["threshold"], study["diff_color"], study["swap_axes"]) == (True, 9, "white", True)


def test_a_file_may_be_given_for_the_tag(analyze: Any, folder: Path, tmp_path: Path) -> None:
    assert analyze(Painter(), "--lora", folder / "plain.safetensors", "--blocks", "MID")[0] == 0
    status, _, err = analyze(Painter(), "--lora", folder / "more/large 日本.safetensors")
    assert (status, "the nearest is plain" in err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("drawn", [0, 2])
def test_ctrl_c_keeps_what_is_drawn_and_the_same_command_goes_on(analyze: Any, tmp_path: Path, drawn: int) -> None:
    first = Painter(press_after=drawn)
    status, _, err = analyze(first, "--seeds=-1")
    assert status == 130
    assert "the same command goes on" in err
    assert len([*tmp_path.glob("out/cells/*")]) == drawn
    second = Painter()
    status, out, _ = analyze(second, "--seeds=-1", "--json")
    assert (status, json.loads(out)["complete"]) == (0, True)
    assert len(second.drawn) == 6 - drawn
    assert not set(first.drawn) & set(second.drawn)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--blocks", "IN4X"], "the nearest is"),
        (["--range", "0"], "write two numbers"),
        (["--seeds", "x"], "is no seed"),
        (["--diff-color", "grue"], "is no colour"),
        (["--threshold", "-3"], "threshold"),
        (["--prompt", "no tag"], "holds no LoRA"),
        (["--lora", "plan"], "the nearest is plain"),
        (["--prompt", "<lora:plain.v2:1>"], "no LoRA called plain.v2; the nearest is plain"),
        (["--prompt", "<lora:plain:1:lbw=XYZ><lora:plan:1>"], "no LoRA called plan; the nearest is plain"),
        (["--prompt", "<lora:plain:1:lbw=XYZ> <lora:plain:1"], "'<lora:plain:1' is not a tag"),
        (["--prompt", "<lora:plain:0,8>"], "did you mean 0.8?"),
        (["--range", "-1,1"], "begins with - is written --range=-1"),
        (["--blocks", "NOT"], "NOT of nothing"),
        (["--seeds", "9" * 30], "is larger than"),
        (["--x", "value:1"], "the nearest is values"),
        (["--x", "values:1", "--blocks", "ALL", "--inverse"], "--blocks --inverse and --x are two kinds"),
        (["--x", "values:1", "--seeds", "1,2"], "as in --z seed:1,2"),
        (["--x", "seed:1", "--seeds", "1"], "an axis of seeds"),
        (["--x", "Block ID:IN04"], "needs an axis of values"),
        (["--again", "results.json"], "not allowed with argument"),
    ],
)
def test_faults_show_before_the_model_is_loaded(
    run: Any, folder: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    status, out, err = run("analyze", "--prompt", PROMPT, "--lora-dir", folder, "--out", tmp_path / "out", *words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert not (tmp_path / "out").exists()


def test_notices_of_prompt_and_model_are_told(analyze: Any) -> None:
    _, out, err = analyze(Painter(), "--blocks", "MID", "--json")
    assert json.loads(out)["notices"] == ["a tag of the prompt", "the model lacks a module"]
    assert "note: a tag of the prompt\nnote: the model lacks a module\n" in err


def test_another_dtype_or_a_lora_written_anew_is_drawn_again(analyze: Any, folder: Path) -> None:
    def drawn(*words: object) -> int:
        painter = Painter()
        assert analyze(painter, "--blocks", "MID", *words)[0] == 0
        return len(painter.drawn)

    assert [drawn(), drawn(), drawn("--dtype", "bfloat16"), drawn()] == [3, 0, 3, 0]
    os.utime(folder / "plain.safetensors", ns=(1, 1))
    assert drawn() == 3


def test_the_embedded_model_is_analysed(run: Any, tmp_path: Path) -> None:
    small = ("--width", 32, "--height", 32, "--steps", 2, "--device", "cpu")
    words = ["--prompt", "a girl <lora:goldhair:1:1:lbw=XYZ>", "--blocks", "BASE,OUT05", "--out", tmp_path, *small]
    status, out, _ = run("analyze", *words)
    assert status == 0
    assert out.splitlines()[0].split()[:2] == ["BLOCK", "DIFF_PERCENT"]
    assert {line.split()[0] for line in out.splitlines()[1:3]} == {"BASE", "OUT05"}


def test_a_lora_of_another_family_is_told_with_both(run: Any, folder: Path, tmp_path: Path) -> None:
    words = ["--prompt", "<lora:large 日本:1:1:lbw=XYZ>", "--lora-dir", folder, "--out", tmp_path / "out"]
    status, _, err = run("analyze", *words)
    assert status == 2
    assert "Stable Diffusion XL" in err
    assert "Stable Diffusion 1.x" in err
    assert not (tmp_path / "out").exists()


def test_a_plot_of_three_axes(analyze: Any, tmp_path: Path) -> None:
    status, out, err = analyze(Painter(), *PLOT, "--json")
    plan = json.loads((tmp_path / "out/results.json").read_text("utf-8"))["plan"]
    assert status == 0
    assert plan["axes"] == ["values", "Block ID", "seed"]
    assert (plan["rows"], plan["pages"]) == (["IN04", "OUT03-OUT05"], ["seed 1", "seed 2"])
    assert json.loads(out)["pictures"] == 12, "2 x 2 x 2 places, and two to measure by for each seed"
    assert "12/12" in err


def test_kinds_are_known_in_any_case_and_one_seed_goes_with_a_plot(analyze: Any, tmp_path: Path) -> None:
    words = ["--x", "VALUES:0.5", "--y", "block-id:MID", "--z", "original weights:INS;1,IN04@0", "--seeds", 7]
    assert analyze(Painter(), *words, "--swap-axes")[0] == 0
    plan = json.loads((tmp_path / "out/results.json").read_text("utf-8"))["plan"]
    assert plan["axes"] == ["Block ID", "values", "Original Weights"]
    assert plan["pages"] == ["INS", "1,IN04@0"]
    assert {cell["seed"] for cell in plan["cells"]} == {7}


@pytest.fixture
def again(run: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def again(painter: Painter, source: Path, *words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("lib_lbw.cli.opening.open_session", lambda arguments, loras: painter)
        return run("analyze", "--again", source, "--out", tmp_path / "again", "--lora-dir", folder, *words)

    return again


@pytest.mark.parametrize("source", ["", "run.json", "results.json"])
@pytest.mark.parametrize("words", [("--seeds=-1",), PLOT])
def test_the_same_json_makes_the_same_grid_again(
    analyze: Any, again: Any, tmp_path: Path, words: tuple[str, ...], source: str
) -> None:
    first, second = Painter(), Painter()
    analyze(first, *words)
    second.settings = Picture("", steps=9)
    assert again(second, tmp_path / "out" / source)[0] == 0
    assert second.drawn == first.drawn
    assert second.settings == first.settings
    plans = [json.loads((tmp_path / name / "results.json").read_text("utf-8"))["plan"] for name in ("out", "again")]
    assert plans[0] == plans[1]


def test_the_analysis_to_run_again_is_checked(analyze: Any, again: Any, folder: Path, tmp_path: Path) -> None:
    analyze(Painter(), "--blocks", "MID")
    source = tmp_path / "out"
    assert "leave out --steps\n" in again(Painter(), source, "--steps", 3)[2]
    assert "is of plain" in again(Painter(), source, "--lora", folder / "more/large 日本.safetensors")[2]
    record = json.loads((source / "run.json").read_text("utf-8"))
    record["plan"]["family"] = "Stable Diffusion XL"
    (tmp_path / "xl.json").write_text(json.dumps(record), "utf-8")
    assert "is one for Stable Diffusion 1.x" in again(Painter(), tmp_path / "xl.json")[2]
    record["plan"]["cells"] = [3]
    (tmp_path / "odd.json").write_text(json.dumps(record), "utf-8")
    assert "cannot be read" in again(Painter(), tmp_path / "odd.json")[2]
    (tmp_path / "list.json").write_text('{"plan": []}', "utf-8")
    assert "no record of an analysis" in again(Painter(), tmp_path / "list.json")[2]
    assert "is not there" in again(Painter(), tmp_path)[2]
    assert not (tmp_path / "again").exists()


def test_results_are_never_written_over_those_of_another_analysis(analyze: Any, tmp_path: Path) -> None:
    assert analyze(Painter(), "--blocks", "MID")[0] == 0
    painter = Painter()
    assert analyze(painter, "--blocks", "MID,IN04")[0] == 0, "more of the same goes on"
    assert len(painter.drawn) == 1
    status, _, err = analyze(Painter(), "--seeds", "5")
    assert (status, "holds another analysis (plain: one at 0, the others at 1); choose" in err) == (2, True)
    (tmp_path / "file").touch()
    assert "is a file; name a folder" in analyze(Painter(), "--out", tmp_path / "file")[2]


def test_elemental_presets_of_a_file(analyze: Any, tmp_path: Path) -> None:
    book = tmp_path / "elements.txt"
    book.write_text("SOFT:IN04:attn:0.25\n\nno rule\n", "utf-8")
    painter = Painter()
    status, _, err = analyze(painter, "--x", "elements:SOFT", "--elements", book)
    assert (status, err.count("line 3 is no NAME:blocks:elements:weight")) == (0, 1)
    assert "IN04.attn@0.25" in painter.drawn[-1]

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lib_lbw.hosts.base import Picture

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2

PROMPT = "a <lora:plain:1:1:lbw=XYZ>"


class Painter:
    """Stands in for a session: paints each picture in a colour of its own; may press Ctrl+C after some."""

    def __init__(self, press_after: int = -1) -> None:
        self.settings = Picture("", steps=2, width=16, height=16)
        self.drawn: list[str] = []
        self.press_after = press_after

    def prepare(self, prompt: str, seed: int) -> None:
        pass

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
    assert [row["label"] for row in told["rows"] if row["kind"] == "block"] == ["BASE", "IN04", "MID", "OUT03"]
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
    ],
)
def test_faults_show_before_the_model_is_loaded(
    run: Any, folder: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    status, out, err = run("analyze", "--prompt", PROMPT, "--lora-dir", folder, "--out", tmp_path / "out", *words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert not (tmp_path / "out").exists()


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

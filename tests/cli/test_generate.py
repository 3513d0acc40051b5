"""The embedded model really draws here, small and in two steps."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lib_lbw.cli.main import parser
from lib_lbw.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2
SMALL = ("--width", 32, "--height", 32, "--steps", 2, "--device", "cpu")


def test_the_png_holds_the_parameters_that_draw_it_again(run: Any, tmp_path: Path) -> None:
    words = ["generate", "--prompt", "a girl <lora:goldhair:1:lbw=R,R,R,R,R,R,R,R,R,R,R,R>", "--seed", 5, *SMALL]
    status, out, _ = run(*words, "--out", tmp_path / "a.png", "--json")
    data = json.loads(out)
    assert status == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (32, 32)
        assert picture.text["parameters"] == data["parameters"]
        drawn = picture.tobytes()
    numbers = data["parameters"].split('LBW: "')[1].rstrip('"').split('"')[0]
    assert "R" not in numbers
    words[2] = f"a girl {numbers}"
    assert run(*words, "--out", tmp_path / "b.png")[0] == 0
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.tobytes() == drawn


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prompt", "a", "--out", "a.jpg"], "ends in .png"),
        (["--prompt", "a <lora:goldhairs:1>", "--out", "a.png"], "goldhair"),
        (["--prompt", "a <lora:goldhair:1:lbw=INZ>", "--out", "a.png"], "INS"),
        (["--prompt", "a", "--out", "a.png", "--device", "gramophone"], "device gramophone cannot be used here"),
        (["--prompt", "a <LORA:goldhair:1>", "--out", "a.png"], "'<LORA:goldhair:1>' is not a tag"),
        (["--prompt", "a <lora:goldhair:1", "--out", "a.png"], "'<lora:goldhair:1' is not a tag"),
        (["--prompt", "a", "--out", "a.png", "--seed", "9" * 30], "is no seed"),
        (["--prompt", "a", "--out", "a.png", "--seed", "-5"], "'-5' is no seed"),
        (["--prompt", "a", "--out", "a.png", "--steps", "-3"], "'-3' is no whole number from 1"),
        (["--prompt", "a", "--out", "a.png", "--width", "0"], "--width: '0' is no whole number from 1"),
        (["--prompt", "a", "--out", "a.png", "--cfg", "7,5"], "--cfg: '7,5' is not a number; did you mean 7.5?"),
        (["--prompt", "a", "--out", "a.png", "--cfg", "nan"], "'nan' is not a number"),
        (["--prompt", "a", "--out", "a.png", "--width", "33"], "33x"),
        (["--prompt", "a", "--out", "a.png", "--prediction", "v_prediction"], "given with --checkpoint"),
        (["--prompt", "a", "--out", "."], "ends in .png"),
        (["--prompt", "a", "--out", "a.png", "--sampler", "Eule"], "Euler"),
        (["--prompt", "a", "--out", "a.png", "--checkpoint", "/no/model.safetensors"], "/no/model.safetensors"),
    ],
)
def test_faults(run: Any, tmp_path: Path, monkeypatch: Any, words: list[str], sentence: str) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("generate", *words, "--steps", 1)
    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert not [*tmp_path.iterdir()]


def test_what_a_checkpoint_predicts_can_be_said(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def load(path: Path, device: str, dtype: Any, prediction: str) -> Any:
        raise CheckpointError("asked for {prediction}", prediction=prediction)

    monkeypatch.setattr("lib_lbw.hosts.checkpoint.load", load)
    words = ["--prompt", "a", "--out", tmp_path / "a.png", "--checkpoint", "m.safetensors", "--device", "cpu"]
    assert "asked for v_prediction" in run("generate", *words, "--prediction", "v_prediction")[2]
    assert "asked for None" in run("generate", *words)[2]


def test_a_bad_tag_can_be_ignored(run: Any, tmp_path: Path) -> None:
    words = ["--prompt", "a girl <lora:goldhair:1> <lora:inkstyle:1:lbw=TYPO> <lora:nobody:1>", *SMALL, "--json"]
    status, out, _ = run("generate", *words, "--out", tmp_path / "a.png", "--on-bad-directive", "ignore")
    data = json.loads(out)
    assert status == 0
    assert [each["lora"] for each in data["weights"]] == ["goldhair", "inkstyle"]
    assert "'TYPO'" in data["notices"][0]
    assert "<lora:nobody:1>: this tag is left out." in data["notices"]


def test_a_place_where_no_picture_can_be_shows_before_it_is_drawn(run: Any, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    assert "folder.png is a folder" in run("generate", "--prompt", "a", "--out", tmp_path / "folder.png")[2]
    assert "file is a file, not a folder" in run("generate", "--prompt", "a", "--out", tmp_path / "file/a/b.png")[2]


def test_seed_minus_one_draws_one() -> None:
    words = ["generate", "--prompt", "a", "--out", "a.png", "--seed", "-1"]
    drawn = {parser().parse_args(words).seed for _ in range(3)}
    assert len(drawn) > 1
    assert all(0 <= seed < 2**32 for seed in drawn)


def test_a_lora_of_another_family_is_told_with_both(run: Any, tmp_path: Path, folder: Path) -> None:
    words = ["--prompt", "<lora:large 日本:1>", "--lora-dir", folder, "--out", tmp_path / "a.png"]
    status, _, err = run("generate", *words)
    assert status == 2
    assert "Stable Diffusion XL" in err
    assert "Stable Diffusion 1.x" in err

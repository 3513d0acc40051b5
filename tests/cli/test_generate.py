"""The embedded model really draws here, small and in two steps."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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


def test_a_lora_of_another_family_is_told_with_both(run: Any, tmp_path: Path, folder: Path) -> None:
    words = ["--prompt", "<lora:large 日本:1>", "--lora-dir", folder, "--out", tmp_path / "a.png"]
    status, _, err = run("generate", *words)
    assert status == 2
    assert "Stable Diffusion XL" in err
    assert "Stable Diffusion 1.x" in err

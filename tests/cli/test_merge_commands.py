"""`merge`, `bake`, `slider`, `resize` and `rerun`: what they read, say and write."""

import argparse
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_lbw.cli.main import parser
from lib_lbw.cli.merge_items import read_item
from lib_lbw.cli.merge_options import size_in_bytes
from lib_lbw.errors import LbwError
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from tests.lora.make_lora import LoraFiles

NAMES = {
    "lora_unet_down_blocks_1_attentions_0_proj_in": (16, 16),
    "lora_unet_mid_block_resnets_0_conv1": (8, 8, 3, 3),
    "lora_te_text_model_encoder_layers_0_mlp_fc1": (16, 8),
}
SD1 = {"ss_base_model_version": "sd_v1"}


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """A folder with two LoRAs of SD 1, one of them with a DoRA."""
    for seed, name in enumerate(("style", "face")):
        LoraFiles(tmp_path).write(name, NAMES, rank=4, alpha=2.0, dtype=torch.float16, seed=seed, metadata=SD1)
    LoraFiles(tmp_path).write("dora", {"lora_unet_conv_in": (8, 4, 3, 3)}, "dora", metadata=SD1)
    return tmp_path


def test_merge_writes_the_file_and_says_so(run: Any, loras: Path) -> None:
    status, out, err = run("merge", "style:0.7:lbw=OUTALL", "<lora:face:-0.4>", "--out", "mine", "--lora-dir", loras)
    assert status == 0
    assert out.startswith(str(loras / "mine.safetensors"))
    assert "error    " in out
    assert ["style", "0.7", "0.7", "1", "of", "3", "4", "lora"] in [line.split() for line in err.splitlines()]
    assert "2 modules: tensors kept" in err
    assert {m.rank for m in LoraFile(loras / "mine.safetensors").modules} == {4, 8}


def test_merge_as_json(run: Any, loras: Path) -> None:
    words = [
        "merge",
        "style",
        "face:0.5",
        "--out",
        "mine",
        "--lora-dir",
        loras,
        "--rank",
        3,
        "--conv-rank",
        2,
        "--json",
    ]
    status, out, _ = run(*words)
    data = json.loads(out)
    assert status == 0
    assert data["ranks"] == {"2": 1, "3": 2}
    assert 0 < data["error"] < 1
    assert data["bytes"] == (loras / "mine.safetensors").stat().st_size


def test_the_processor_by_name_gives_the_same_bytes(run: Any, loras: Path) -> None:
    words = ["merge", "style:0.3", "face", "--rank", 3, "--lora-dir", loras, "--json", "--out"]
    plain, named = (json.loads(run(*words, *more)[1])["sha256"] for more in (["a"], ["b", "--device", "cpu"]))
    assert plain == named


def test_one_is_one_and_two_are_two(run: Any, loras: Path) -> None:
    err = run("merge", "style:0.7:lbw=OUTALL", "face", "--out", "mine", "--lora-dir", loras)[2]
    assert "1 module: put together exactly" in err
    assert "2 modules: tensors kept, only weighed" in err


def test_a_prompt_names_the_loras(run: Any, loras: Path) -> None:
    prompt = "a girl <lora:style:0.7:0.2:lbw=MIDD>, <lyco:face:1> smiling"
    status, out, _ = run("merge", "--prompt", prompt, "--out", "mine", "--lora-dir", loras, "--dry-run", "--json")
    report = json.loads(out)
    assert status == 0
    assert [(each["name"], each["te"], each["unet"]) for each in report["sources"]] == [
        ("style", 0.7, 0.2),
        ("face", 1.0, 1.0),
    ]
    assert not (loras / "mine.safetensors").exists()


def test_a_dry_run_measures_when_asked(run: Any, loras: Path) -> None:
    words = ["merge", "style", "face", "--out", "mine", "--lora-dir", loras, "--dry-run"]
    plain, measured = run(*words)[1], run(*words, "--measure")[1]
    assert "COSINE" not in plain
    assert "style / face" in measured
    assert "BY CHANCE" in measured
    assert not (loras / "mine.safetensors").exists()


def test_a_dry_run_tells_what_is_in_the_way(run: Any, loras: Path) -> None:
    status, out, err = run("bake", "dora:0.5", "--out", "mine", "--lora-dir", loras, "--dry-run")
    assert status == 2
    assert "1 module cannot be merged:" in out
    assert "DoRA is either on or off" in out
    assert "--base FILE" in out
    assert "unet.conv_in" in err


def test_bake_slider_and_resize(run: Any, loras: Path) -> None:
    common = ["--lora-dir", loras, "--json"]
    assert run("bake", "style:1:lbw=MID@0.5", "--out", "baked", *common)[0] == 0
    assert {m.alpha for m in LoraFile(loras / "baked.safetensors").modules} == {1.0, 2.0}
    assert json.loads(run("slider", "style", "face", "--out", "slider", *common)[1])["ranks"] == {"8": 3}
    assert json.loads(run("resize", "style", "--rank", 2, "--out", "small", *common)[1])["ranks"] == {"2": 3}
    sized = json.loads(run("resize", "style", "--size", "30KB", "--out", "sized", *common)[1])
    assert sized["bytes"] <= 30_000
    by_rule = json.loads(run("resize", "style", "--sv-fro", "0.5", "--out", "ruled", *common)[1])
    assert max(map(int, by_rule["ranks"])) < 4


def test_rerun_makes_the_same_file(run: Any, loras: Path) -> None:
    first = json.loads(run("merge", "style:0.3", "face", "--out", "mine", "--lora-dir", loras, "--json")[1])
    (loras / "style.safetensors").rename(loras / "renamed.safetensors")
    again = json.loads(run("rerun", "mine", "--out", "again", "--lora-dir", loras, "--json")[1])
    assert again["sha256"] == first["sha256"]
    status, _, err = run("rerun", loras / "mine.safetensors")
    assert (status, "allow it with --overwrite, or name another --out" in err) == (2, True)
    before = (loras / "mine.safetensors").read_bytes()
    assert run("rerun", loras / "mine.safetensors", "--dry-run")[0] == 0
    assert (loras / "mine.safetensors").read_bytes() == before
    assert run("rerun", loras / "mine.safetensors", "--overwrite")[0] == 0


def test_a_path_says_where_it_goes(run: Any, loras: Path, tmp_path_factory: Any, monkeypatch: Any) -> None:
    other = tmp_path_factory.mktemp("other")
    assert run("bake", loras / "style.safetensors", "--out", other / "x.safetensors")[0] == 0
    monkeypatch.chdir(other)
    assert run("bake", f"{loras / 'style.safetensors'}:0.5", "--out", "here")[0] == 0
    assert run("bake", f"{loras / 'style.safetensors'}:0.5", "--out", "new/folder/there")[0] == 0
    found = [str(path.relative_to(other)) for path in other.rglob("*.safetensors")]
    assert sorted(found) == ["here.safetensors", str(Path("new/folder/there.safetensors")), "x.safetensors"]


def test_a_known_lora_may_have_its_ending(run: Any, loras: Path) -> None:
    assert run("bake", "style.safetensors:0.5", "--out", "mine.safetensors", "--lora-dir", loras)[0] == 0
    assert (loras / "mine.safetensors").exists()


def test_rerun_finds_what_lay_where_it_was_called(run: Any, loras: Path, monkeypatch: Any) -> None:
    """The LoRAs of the embedded model, and files named by path from the folder one stands in."""
    monkeypatch.chdir(loras)
    assert run("merge", "style.safetensors", "face.safetensors:-0.5", "--out", "out/mine")[0] == 0
    assert run("slider", "bighead", "smallhead", "--out", "out/slider")[0] == 0
    for name in ("mine", "slider"):
        assert run("rerun", f"out/{name}.safetensors", "--out", f"out/{name}2")[0] == 0
        one, other = (read_header(Path(f"out/{name}{end}.safetensors")).metadata for end in ("", "2"))
        assert one["sshs_model_hash"] == other["sshs_model_hash"]


def test_options_that_change_nothing_are_told(run: Any, loras: Path) -> None:
    words = ["merge", "style", "face", "--out", "x", "--lora-dir", loras]
    for extra, sentence in (
        (["--density", "0.3"], "--density is for --method ties and dare"),
        (["--method", "dare", "--average"], "--average is for --method ties,"),
        (["--method", "ties", "--method-seed", "3"], "--method-seed is for --method dare,"),
        (["--measure"], "write --dry-run too"),
        (["--seed", "soon"], "'soon' is no seed"),
    ):
        status, _, err = run(*words, *extra)
        assert (status, sentence in err) == (2, True), err
    assert run(*words, "--method", "dare", "--density", "0.3", "--method-seed", "3", "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["merge", "styl", "--out", "x"], "the nearest is style"),
        (["merge", "<lora:styl:1>", "--out", "x"], "the nearest is style"),
        (["merge", "style:0,7", "--out", "x"], "0,7"),
        (["merge", "style:1:lbw=OUTAL", "--out", "x"], "OUTALL"),
        (["merge", "style:1:start=3", "--out", "x"], "cannot be put into a file"),
        (["merge", "--out", "x"], "name at least one LoRA"),
        (["merge", "--prompt", "a girl", "--out", "x"], "the prompt names no LoRA"),
        (["merge", "--prompt", "<lora:style:1", "--out", "x"], "is not a tag"),
        (["merge", "style", "--out", "style"], "is one of the files that go in"),
        (["merge", "style", "--out", "face"], "is there already"),
        (["merge", "style", "--out", "CON"], "Windows keeps that name"),
        (["merge", "style", "--out", "../CON"], "Windows keeps that name"),
        (["merge", "style", "--out", "x.pt"], "write x.safetensors"),
        (["merge", "style", "--out", ".."], ".. is a folder"),
        (["merge", "style", "--out", "./"], "./ is a folder"),
        (["merge", "style", "--out", ""], "it is empty"),
        (["merge", "stile.safetensors", "--out", "x"], "the nearest is style.safetensors"),
        (["merge", ":0.5", "--out", "x"], "':0.5' names no LoRA"),
        (["merge", "", "--out", "x"], "'' names no LoRA"),
        (["merge", ".", "--out", "x"], "is a folder, not a file"),
        (["merge", "style", "--out", "x", "--method", "ties", "--density", "0"], "a density of 0.0 is impossible"),
        (["merge", "style", "--out", "x", "--rank", "0"], "'0' is no whole number from 1"),
        (["merge", "style", "--out", "x", "--sv-fro", "2"], "sv_fro"),
        (["merge", "style", "--out", "x", "--method", "common"], "of two LoRAs, not of 1"),
        (["resize", "style", "--out", "x"], "a resize needs a rank"),
        (["resize", "style", "--out", "x", "--size", "big"], "'big' is no size"),
        (["resize", "style", "--out", "x", "--size", "100"], "a file of 100 bytes is impossible"),
        (["bake", "dora:0.5", "--out", "x"], "give the base checkpoint"),
        (["rerun", "style"], "holds no recipe"),
        (["merge", "style", "--out", "x", "--device", "cuda:9"], "there is no device 'cuda:9' to compute on; here"),
        (["resize", "style", "--out", "x", "--rank", "2", "--device", "mps"], "mps has no float64"),
        (["extract", "a.safetensors", "b.safetensors", "--out", "x", "--device", "cuda:9"], "there is no device"),
        (["into-checkpoint", "a.safetensors", "style", "--out", "x", "--device", "gpu"], "there is no device 'gpu'"),
    ],
)
def test_faults_are_one_sentence(run: Any, loras: Path, words: list[str], sentence: str) -> None:
    before = sorted(path.name for path in loras.iterdir())
    status, out, err = run(*words, "--lora-dir", loras)
    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert sorted(path.name for path in loras.iterdir()) == before


def test_someone_at_a_terminal_is_asked(run: Any, loras: Path, monkeypatch: Any) -> None:
    class Terminal:
        def __init__(self, answer: str) -> None:
            self.answer = answer

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self.answer

    words = ["bake", "style:0.5", "--out", "mine", "--lora-dir", loras]
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    status, _, err = run(*words)
    assert (status, "Go on? [Y/n]" in err, "Nothing was written." in err) == (130, True, True)
    assert not (loras / "mine.safetensors").exists()
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert run(*words)[0] == 0
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(*words, "--overwrite", "--yes")[0] == 0


def test_ctrl_c_stops_between_modules(run: Any, loras: Path, monkeypatch: Any) -> None:
    @contextmanager
    def pressed() -> Any:
        yield lambda: True

    monkeypatch.setattr("lib_lbw.cli.merging.stop_on_ctrl_c", pressed)
    status, _, err = run("bake", "style:0.5", "--out", "mine", "--lora-dir", loras)
    assert status == 130
    assert "nothing was written" in err
    assert not (loras / "mine.safetensors").exists()


@pytest.mark.parametrize("command", ["merge", "bake", "slider", "resize", "rerun"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    assert f"Example: lbw {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "size"),
    [("100MB", 100_000_000), ("1.5 gb", 1_500_000_000), ("30k", 30_000), ("12345", 12_345), ("7B", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1TB", "1,5MB", "1 2"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        size_in_bytes(text)


def test_items_of_every_form() -> None:
    loras = {"a b": Path("x/a b.safetensors")}
    for text in ("a b:0.7:lbw=INS", "<lora:a b:0.7:lbw=INS>", "x/a b.safetensors:0.7:lbw=INS"):
        source = read_item(text, loras)
        assert (source.path, source.ratio, source.weights) == (loras["a b"], 0.7, "INS")
    assert read_item("C:/x.safetensors:0.5", loras).path == Path("C:/x.safetensors")
    assert read_item("a b:0.5:0.25", loras).unet == 0.25
    with pytest.raises(LbwError):
        read_item("<lora:nobody:1>", loras)

import json
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.blocks import family
from lib_lbw.weights.grammar import parse_directive
from lib_lbw.weights.resolve import resolve


def weights_of(out: str) -> dict[str, float]:
    return dict(json.loads(out)["weights"])


def test_the_numbers_are_the_resolvers(run: Any) -> None:
    text = "<lora:any:0.5:0.8:lbw=INS,OUT03.attn1@R:step=2-5>"
    status, out, _ = run("resolve", text, "--family", "sdxl", "--seed", 7, "--json")
    expected = resolve(parse_directive(text), family("sdxl"), seed=7)
    assert status == 0
    assert weights_of(out) == dict(expected.weights)
    again = resolve(parse_directive(json.loads(out)["resolved"]), family("sdxl"))
    assert (again.weights, again.rules) == (expected.weights, expected.rules)


def test_the_seed_decides_random_weights(run: Any) -> None:
    text = "<lora:any:1:lbw=R,R,R,R,R,R,R,R,R,R,R,R>"
    drawn = [weights_of(run("resolve", text, "--family", "sdxl", "--seed", seed, "--json")[1]) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_table_of_blocks_with_multipliers(run: Any, folder: Path) -> None:
    _, out, _ = run("resolve", "<lora:plain:0.5:0.8:lbw=1,MID@0.5>", "--lora-dir", folder)
    rows = {row[0]: row[1:] for row in map(str.split, out.splitlines()[2:])}
    assert rows["BLOCK"] == ["WEIGHT", "SCALE", "MODULES"]
    assert rows["TE1"] == ["1", "0.5", "1"]
    assert rows["MID"] == ["0.5", "0.4", "1"]
    assert rows["IN00"] == ["1", "0.8", "0"]


def test_a_table_of_modules(run: Any, folder: Path) -> None:
    words = ["resolve", "<lora:x:1:lbw=1,MID.attn2@0.25>", "--lora", folder / "plain.safetensors", "--modules"]
    _, out, _ = run(*words, "--json")
    assert sorted(json.loads(out)["modules"].values()) == [0.25, 1, 1, 1]
    _, out, _ = run(*words)
    assert ["unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k", "0.25"] in [
        *map(str.split, out.splitlines())
    ]


def test_presets_of_a_file_are_known_beside_the_shipped(run: Any, tmp_path: Path) -> None:
    book = tmp_path / "presets.txt"
    book.write_text("MINE:0,IN04@0.3\n# remark\n", "utf-8")
    _, out, _ = run("resolve", "<lora:a:1:lbw=MINE>", "--family", "sd1", "--presets", book, "--json")
    assert weights_of(out)["IN04"] == 0.3
    assert run("resolve", "<lora:a:1:lbw=INS>", "--family", "sd1", "--presets", book)[0] == 0
    book.write_text("no preset\n", "utf-8")
    status, _, err = run("resolve", "<lora:a:1>", "--family", "sd1", "--presets", book)
    assert (status, "holds no presets of this kind: line 1 is neither" in err) == (2, True)
    book.write_text("GOOD:1\n" + "no preset\n" * 5, "utf-8")
    status, _, err = run("resolve", "<lora:a:1>", "--family", "sd1", "--presets", book)
    assert (status, err.count("\n"), "and 2 more such lines" in err) == (0, 4, True)
    book.write_bytes(b"\xff\xfe\xfa")
    status, _, err = run("resolve", "<lora:a:1>", "--family", "sd1", "--presets", book)
    assert (status, err) == (2, f"lbw: {book} is not text in UTF-8\n")


def test_what_the_user_may_not_expect_is_said(run: Any, folder: Path, tmp_path: Path) -> None:
    silent = "1,1,1,1,1,1,0,1,1,1,1,1,1,1,1,1,1"  # the 17 names have no OUT00, and SDXL LoRAs often hold it
    words = ["resolve", f"<lora:x:1:lbw={silent}>", "--lora", folder / "more/large 日本.safetensors"]
    assert "note:" not in run(*words)[1]
    other = tmp_path / "first up.safetensors"
    data = (folder / "more/large 日本.safetensors").read_bytes()
    other.write_bytes(data.replace(b"up_blocks_1_", b"up_blocks_0_"))
    _, out, _ = run("resolve", f"<lora:x:1:lbw={silent}>", "--lora", other)
    assert "note: " in out
    assert "OUT00" in out.split("note: ")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["<lora:a:1:lbw=IN04>", "--family", "sd1"], "IN04"),
        (["<lora:unheard:1>"], "no LoRA called unheard"),
        (["<lora:a:1>", "--family", "sd1", "--modules"], "--modules needs a file"),
        (["<lora:a:1>", "--family", "sd1", "--lora", "x"], "not allowed with argument"),
    ],
)
def test_faults(run: Any, words: list[str], sentence: str) -> None:
    status, _, err = run("resolve", *words)
    assert status == 2
    assert sentence in err


def test_elemental_presets_of_a_file(run: Any, tmp_path: Path) -> None:
    book = tmp_path / "elements.txt"
    book.write_text("SOFT:IN04:attn:0.25\n", "utf-8")
    words = ["resolve", "<lora:a:1:lbwe=SOFT>", "--family", "sd1", "--json"]
    [rule] = json.loads(run(*words, "--elements", book)[1])["rules"]
    assert (rule["elements"], rule["weight"]) == (["attn"], 0.25)
    assert "'SOFT' is no elemental preset" in run(*words)[2]


def test_a_decimal_comma_is_noticed(run: Any) -> None:
    assert "did you mean 0.8?" in run("resolve", "<lora:a:0,8>", "--family", "sd1")[2]
    assert "note: 5 sets every block" in run("resolve", "<lora:a:1:lbw=1,IN04@0,5>", "--family", "sd1")[1]
    assert "note:" not in run("resolve", "<lora:a:1:lbw=1,IN04@0.5>", "--family", "sd1")[1]

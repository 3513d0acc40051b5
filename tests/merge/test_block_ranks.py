"""Ranks of their own for blocks."""

from pathlib import Path

import pytest

from lib_lbw.blocks.family import family
from lib_lbw.cli.main import main
from lib_lbw.demo import demo_lora_path
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.block_ranks import block_ranks
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.merge.recipe_json import recipe_from_json, recipe_to_json
from lib_lbw.merge.run import run_merge
from lib_lbw.merge.stored import recipe_of


def test_names_ranges_and_groups() -> None:
    found = block_ranks((("out3-OUT05", 8), ("BASE", 2), ("OUT04", 1)), family("sdxl"))
    assert found == {"OUT03": 8, "OUT04": 1, "OUT05": 8, "TE1": 2, "TE2": 2}


def test_an_unknown_block_names_the_nearest() -> None:
    with pytest.raises(MergeError, match="the nearest is OUT11"):
        block_ranks((("OUT111", 8),), family("sd1"))


def test_only_the_named_blocks_are_cut_and_the_recipe_keeps_the_wish(tmp_path: Path) -> None:
    ranks = Ranks(blocks=(("OUT03-OUT05", 2),))
    recipe = Recipe("resize", (Source(demo_lora_path("headsize")),), tmp_path / "cut.safetensors", ranks=ranks)
    assert recipe_from_json(recipe_to_json(recipe)).ranks == ranks
    file = LoraFile(run_merge(plan_merge(recipe)).path)
    found = {leaf: {module.rank for module in modules} for leaf, modules in file.blocks.items()}
    assert {leaf for leaf, of_leaf in found.items() if of_leaf == {2}} == {"OUT03", "OUT04", "OUT05"}
    assert all(of_leaf == {6} for leaf, of_leaf in found.items() if leaf not in ("OUT03", "OUT04", "OUT05"))
    assert recipe_of(file.path).ranks == ranks


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "small.safetensors")
    assert main(["resize", "headsize", "--block-rank", "IN01=1", "--block-rank", "BASE=1", "--out", out]) == 0
    assert {module.rank for module in LoraFile(out).blocks["IN01"]} == {1}
    assert main(["resize", "headsize", "--block-rank", "IN01", "--out", out]) == 2
    assert "OUT03-OUT05=8" in capsys.readouterr().err

import json
import subprocess
import sys
import time
from importlib.resources import files

import pytest

import lib_lbw.blocks as blocks
from lib_lbw.blocks import ModuleId, families, family, parse_key, spell
from lib_lbw.blocks.names import parse_module
from lib_lbw.blocks.resources import expand

KEYS = 3000
SECONDS = 0.3


def test_importing_blocks_imports_no_torch() -> None:
    code = "import sys, lib_lbw.blocks; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("dialect", blocks.DIALECTS)
def test_three_thousand_keys_are_parsed_in_a_moment(dialect: str) -> None:
    path = "down_blocks.{}.attentions.{}.transformer_blocks.{}.attn{}.to_{}"
    modules = [
        ModuleId("unet", path.format(level, place, layer, attention, name))
        for level in range(4)
        for place in range(2)
        for layer in range(25)
        for attention in (1, 2)
        for name in ("q", "k", "v")
    ]
    suffixes = ("lora_down.weight", "lora_up.weight", "alpha")
    keys = [f"{spell(module, dialect)}.{suffix}" for module in modules for suffix in suffixes]
    assert len(keys) >= KEYS
    parse_key.cache_clear()
    parse_module.cache_clear()
    start = time.process_time()
    for key in keys:
        parse_key(key)
    assert time.process_time() - start < SECONDS


def test_every_data_file_cites_its_sources() -> None:
    tables = [entry for entry in files("lib_lbw.blocks").joinpath("data").iterdir() if entry.name.endswith(".json")]
    assert len(tables) >= 5
    for table in tables:
        assert json.loads(table.read_text(encoding="utf-8"))["sources"], table.name


def test_everything_public_is_there() -> None:
    assert all(hasattr(blocks, name) for name in blocks.__all__)


@pytest.mark.parametrize("each", families(), ids=lambda each: each.id)
def test_families_are_found_by_id(each: blocks.Family) -> None:
    assert family(each.id) == each


def test_ranges_are_written_out() -> None:
    assert expand(["A", "IN08-IN10", "B-C"]) == ("A", "IN08", "IN09", "IN10", "B-C")

"""Nobody reads any more (`lbw ... | head -1`): no traceback, and work that was begun is finished."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib_lbw.demo import demo_lora_path
from lib_lbw.lora.file import LoraFile

ROOT = Path(__file__).resolve().parents[2]
LORA = str(demo_lora_path("inkstyle"))


def run(words: list[str], *, both: bool) -> tuple[int, str]:
    """Run with stdout closed at the other end, and stderr too if `both`; return the status and what stderr says."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lib_lbw", *words]
    done = subprocess.run(
        command, stdout=writer, stderr=writer if both else subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(writer)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize(
    "words", [["--help"], ["loras"], ["inspect", LORA], ["inspect", LORA, "--json"], ["bake", "--help"]]
)
def test_a_reader_that_has_enough_is_no_fault(words: list[str]) -> None:
    assert run(words, both=False) == (0, "")
    assert run(words, both=True)[0] == 0


@pytest.mark.parametrize("both", [False, True])
def test_a_merge_goes_on_to_its_end(tmp_path: Path, both: bool) -> None:
    status, said = run(["bake", f"{LORA}:0.5", "--out", str(tmp_path / "a.safetensors")], both=both)
    assert (status, "Traceback" in said) == (0, False)
    assert len(LoraFile(tmp_path / "a.safetensors").modules) == len(LoraFile(Path(LORA)).modules)


@pytest.mark.parametrize("both", [False, True])
def test_a_fault_keeps_its_status(both: bool) -> None:
    status, said = run(["inspect", "/no/such.safetensors"], both=both)
    assert (status, "Traceback" in said) == (2, False)

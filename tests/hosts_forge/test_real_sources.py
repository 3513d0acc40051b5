"""The adapter on the hosts' own source files, where checkouts of them are at hand.

`LBW_FORGE_DIR`, `LBW_REFORGE_DIR`, `LBW_CLASSIC_DIR` and `LBW_NEO_DIR` name the checkouts; `LBW_FORGE_PYTHON` and so on
an interpreter with what the host requires, if it is not this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("real_sources.py")


@pytest.mark.parametrize("kind", ["forge", "reforge", "classic", "neo"])
def test_on_the_hosts_own_sources(kind: str) -> None:
    folder = os.environ.get(f"LBW_{kind.upper()}_DIR")
    if not folder:
        pytest.skip(f"LBW_{kind.upper()}_DIR names no checkout")
    python = os.environ.get(f"LBW_{kind.upper()}_PYTHON", sys.executable)
    done = subprocess.run([python, str(SCRIPT), kind, folder], capture_output=True, text=True, check=False)
    checks = [line for line in done.stdout.splitlines() if line.startswith("CHECK")]
    assert done.returncode == 0, "\n".join([*checks[-3:], done.stdout[-1000:], done.stderr[-3000:]])
    assert len(checks) > 50

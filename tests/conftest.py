"""What every test may ask for: hypothesis profiles and small LoRA files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.lora.make_lora import LoraFiles

_SLOW_MACHINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=_SLOW_MACHINE)
settings.register_profile(
    "ci", deadline=None, max_examples=50, derandomize=True, print_blob=True, suppress_health_check=_SLOW_MACHINE
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def no_presets_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the presets of whoever runs the tests out of them, and the tests out of theirs."""
    folder = str(tmp_path_factory.getbasetemp() / "user")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, folder)


@pytest.fixture
def lora_files(tmp_path: Path) -> LoraFiles:
    """Return a writer of small LoRA files into this test's own folder."""
    from tests.lora.make_lora import LoraFiles  # noqa: PLC0415 - most tests need no torch

    return LoraFiles(tmp_path)

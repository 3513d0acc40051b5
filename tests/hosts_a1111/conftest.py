"""A running host for every test: the stand-in, and the real one where its checkout is named."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts_a1111.program import Program, running

CHECKOUT = "LBW_A1111_DIR"
"""Environment variable: folder of a stable-diffusion-webui checkout, 1.6 to 1.10."""


@pytest.fixture(params=["stand-in", "real"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    """Return a host with an SD1 model and our gate in it; its LoRA folder is empty."""
    yield from _host(request, tmp_path, "sd1")


@pytest.fixture(params=["stand-in", "real"])
def xl_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    """Return a host with an SDXL model."""
    yield from _host(request, tmp_path, "sdxl")


def _host(request: pytest.FixtureRequest, folder: Path, family: str) -> Iterator[Program]:
    checkout = os.environ.get(CHECKOUT)
    if request.param == "real" and not checkout:
        pytest.skip(f"{CHECKOUT} names no checkout of stable-diffusion-webui")
    with running(folder, family, Path(checkout) if checkout and request.param == "real" else None) as program:
        program.gate.install()
        yield program

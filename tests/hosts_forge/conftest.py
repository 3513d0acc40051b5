from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_lbw.hosts.forge.adapter import ForgeAdapter
from tests.hosts_forge.little_patchers import PATCHERS
from tests.hosts_forge.stand_ins import World


class Rig:
    """A host with an adapter in it."""

    def __init__(self, kind: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world = World(kind, folder, dtype)
        self.adapter = ForgeAdapter(self.world.host)
        self.adapter.install()

    def activate(self, *tags: tuple[Any, ...]) -> None:
        self.world.activate(self.adapter, *tags)

    def weights(self, *tags: tuple[Any, ...]) -> dict[str, torch.Tensor]:
        self.activate(*tags)
        return self.world.weights()


@pytest.fixture(params=list(PATCHERS))
def rig(request: pytest.FixtureRequest, make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(request.param)


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(kind: str, dtype: torch.dtype = torch.float32) -> Rig:
        made.append(Rig(kind, tmp_path / str(len(made)), dtype))
        return made[-1]

    yield make
    for rig in made:
        rig.adapter.uninstall()

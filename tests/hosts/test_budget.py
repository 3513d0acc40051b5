"""How many pictures are drawn at once, and what counts as running out of memory."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.hosts import budget
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.budget import Merged, batch_size, merged_bytes
from lib_lbw.hosts.memory import available, free_bytes, is_out_of_memory

CPU = torch.device("cpu")
UNET = SimpleNamespace(config=SimpleNamespace(block_out_channels=(320,)), dtype=torch.float16)
PIPELINE = SimpleNamespace(vae_scale_factor=8, unet=UNET)
A, B = ModuleId("unet", "a"), ModuleId("unet", "b")


def test_memory_decides_between_one_and_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    def size(free: int, weights: Merged | None = None, **settings: Any) -> int:
        monkeypatch.setattr(budget, "free_bytes", lambda _: free)
        return batch_size(PIPELINE, Picture("", **settings), CPU, weights)

    assert size(0) == 1
    assert size(2**40) == budget.LARGEST
    middle = size(4 * 2**30)
    assert 1 < middle < budget.LARGEST
    assert size(4 * 2**30, cfg_scale=1.0) > middle
    assert size(4 * 2**30, width=1024) < middle
    assert size(4 * 2**30, Merged(more=2 * 2**30)) == 1
    assert 1 <= size(4 * 2**30, Merged(first=2 * 2**30)) < middle
    assert size(4 * 2**30, Merged(first=5 * 2**30)) == 1


def test_free_memory_is_a_plausible_number() -> None:
    assert 2**20 < free_bytes(CPU) < 2**50


def test_linux_tells_what_it_can_give_and_not_what_lies_idle() -> None:
    assert available("MemTotal:  4011736 kB\nMemFree:  100000 kB\nMemAvailable:  2000000 kB\n") == 2_048_000_000
    assert available("MemTotal:  4011736 kB\n") is None


def test_blocks_that_torch_keeps_for_later_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 30)
    assert free_bytes(torch.device("cuda")) == 140


def test_every_merged_weight_counts_once() -> None:
    layers = {"a": torch.nn.Linear(4, 4, bias=False), "b": torch.nn.Linear(8, 8, bias=False)}
    on, half = (("p", 1.0),), (("p", 0.5),)

    def counted(*samples: Any) -> Merged:
        return merged_bytes(samples, lambda module: layers.get(module.path))

    assert counted([{A: on, B: on}], [{A: on}], [{B: on}], [{}]) == Merged(4 * (16 + 64), 0)
    assert counted([{A: on}], [{A: half}]) == Merged(4 * 16, 4 * 16 // 2)
    assert counted([{A: on, B: on}], [{A: half, B: half}]) == Merged(4 * 80, 4 * 80 // 2)
    assert counted([{}, {A: on}], [{}, {A: half}]) == Merged(4 * 16, 4 * 16 // 2)
    assert counted([{ModuleId("unet", "absent"): on}]) == Merged()


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_running_out_of_memory_looks_like(error: Exception, yes: bool) -> None:
    assert is_out_of_memory(error) is yes

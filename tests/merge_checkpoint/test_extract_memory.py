"""What a difference takes in memory: seen from the peak of a process of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from types import SimpleNamespace as Some
from lib_lbw.blocks.module import ModuleId
from lib_lbw.merge.checkpoint.difference import Pair
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.numbers.dense import decompose_dense

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

ROWS, COLUMNS = 131072, 256  # 64 MB in float16, 128 in float32
torch.set_num_threads(1)
torch.linalg.eigh(torch.eye(64) @ torch.eye(64))
decompose_dense(torch.randn(64, 16), None, 0).vectors(4)
slot = Slot(ModuleId("unet", "conv_in"), "weight", "x", (ROWS, COLUMNS))
file = lambda value: Some(read=lambda slot: torch.full(slot.shape, value, dtype=torch.float16))
start = peak()
difference = Pair(file(1.0), file(0.5)).difference(slot, slot)
between = peak()
assert float(difference[-1, -1]) == 0.5
decompose_dense(difference, None, 0).vectors(8)
print(between - start, peak() - between)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts otherwise there")
def test_neither_a_difference_nor_its_decomposition_copies_a_layer() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    difference, decomposition = map(float, told.split())
    assert difference < 2 * 64 + 128 + 40
    assert decomposition < 60

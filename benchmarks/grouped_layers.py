"""Samples with weights of their own in one layer: rows grouped by weight, or a low-rank branch with a scale per sample.

    python benchmarks/grouped_layers.py

Prints one table over layers of the embedded model and of SD 1.5 (8 samples guided, so 16 rows; rank 16). `one weight`
is the layer as if all samples agreed. Thread time on one thread, median of seven, in milliseconds.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import linear

SAMPLES = 8
RANK = 16
LAYERS = (
    ("embedded, to_q, 16x16", 256, 64, 64),
    ("SD 1.5, to_q, 32x32", 1024, 640, 640),
    ("SD 1.5, to_q, 8x8", 64, 1280, 1280),
    ("SD 1.5, ff, 8x8", 64, 1280, 10240),
    ("SD 1.5, to_k of the prompt", 77, 768, 1280),
)
CASES = {"one off": (0,) * (SAMPLES - 1) + (1,), "half": (0, 1) * (SAMPLES // 2), "all differ": tuple(range(SAMPLES))}


class Layer:
    """One linear layer and its inputs, computed in three ways."""

    def __init__(self, tokens: int, inner: int, out: int, groups: tuple[int, ...]) -> None:
        self.x = torch.randn(2 * SAMPLES, tokens, inner)
        self.weights = {group: torch.randn(out, inner) for group in set(groups)}
        owners = torch.tensor(groups).repeat_interleave(2)
        self.rows = {group: (owners == group).nonzero().flatten() for group in set(groups)}
        self.up, self.down = torch.randn(out, RANK), torch.randn(RANK, inner)
        self.scales = torch.rand(2 * SAMPLES, 1, 1)

    def one_weight(self) -> torch.Tensor:
        return linear(self.x, self.weights[0])

    def grouped(self) -> torch.Tensor:
        made = self.x.new_empty(*self.x.shape[:2], self.up.shape[0])
        for group, rows in self.rows.items():
            made.index_copy_(0, rows, linear(self.x.index_select(0, rows), self.weights[group]))
        return made

    def low_rank(self) -> torch.Tensor:
        return linear(self.x, self.weights[0]) + linear(linear(self.x, self.down) * self.scales, self.up)


def milliseconds(way: Callable[[], torch.Tensor]) -> float:
    """Return the median thread time of seven calls, after two unmeasured ones."""
    taken = []
    for turn in range(9):
        start = time.thread_time()
        way()
        if turn > 1:
            taken.append(time.thread_time() - start)
    return 1000 * statistics.median(taken)


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| layer | samples | one weight | grouped rows | low-rank branch |\n|---|---|---:|---:|---:|")
    for title, *sizes in LAYERS:
        for case, groups in CASES.items():
            layer = Layer(*sizes, groups)
            taken = [milliseconds(way) for way in (layer.one_weight, layer.grouped, layer.low_rank)]
            print(f"| {title} | {case} | " + " | ".join(f"{ms:.2f}" for ms in taken) + " |", flush=True)


if __name__ == "__main__":
    main()

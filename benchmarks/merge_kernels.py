"""What it costs to merge two LoRAs into one of the same rank: from the factors, beside the SVD of the full matrix.

    python benchmarks/merge_kernels.py                   # SDXL, rank 32; the other way measured once per shape
    python benchmarks/merge_kernels.py --ranks 32 64 128 --convolution

Processor time of one thread. *Ours* is the exact sum and its best rank-k factors, float64. *Limit* is the four matrix
products of it that no method of this kind can do without, alone. *Full matrix* is the usual way (kohya-ss' merge and
resize scripts), written from its description: multiply out both deltas in float32, add them, `torch.linalg.svd` with
full matrices, split, clamp at the 0.99 quantile. It takes minutes for a file, so it is measured once per shape and
its row for the whole file is that times the number of modules; ours is really run through all of them.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from lib_lbw.merge.distance import between
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.measures import rounding_error
from lib_lbw.merge.numbers.reduce import reduce
from lib_lbw.merge.numbers.terms import total

SCALES = (0.7, -0.4)


@dataclass(frozen=True)
class Layer:
    """A weight [out, inner] and how many of it SDXL has: 722 in the U-Net, 72 and 192 in the text encoders."""

    out: int
    inner: int
    count: int
    title: str = ""

    def pair(self, rank: int) -> list[LowRank]:
        """Return two LoRAs of falling spectrum, as a file gives them."""
        fall = torch.logspace(0, -2, rank)
        return [
            LowRank((torch.randn(self.out, rank) * fall).half(), torch.randn(rank, self.inner).half()) for _ in SCALES
        ]

    def __str__(self) -> str:
        return self.title or f"{self.out} x {self.inner}"


SDXL = (
    *(Layer(1280, 1280, 372 + 128), Layer(1280, 2048, 120), Layer(10240, 1280, 60), Layer(1280, 5120, 60 + 32)),
    *(Layer(640, 640, 70), Layer(640, 2048, 20), Layer(5120, 640, 10), Layer(640, 2560, 10)),
    *(Layer(5120, 1280, 32), Layer(768, 768, 48), Layer(3072, 768, 12), Layer(768, 3072, 12)),
)
CONVOLUTION = Layer(1280, 1280 * 9, 0, "3x3 of 1280 to 1280")


def ours(pair: list[LowRank], rank: int) -> LowRank:
    """Return the best factors of the sum."""
    return reduce(concat(pair, SCALES), rank).factors


def full_matrix(pair: list[LowRank], rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return clamped factors of the sum by the SVD of the full matrix."""
    matrix = sum(scale * (term.up.float() @ term.down.float()) for term, scale in zip(pair, SCALES, strict=True))
    left, singular, right = torch.linalg.svd(matrix)
    up, down = left[:, :rank] * singular[:rank], right[:rank]
    limit = float(torch.cat([up.flatten(), down.flatten()]).quantile(0.99))
    return up.clamp(-limit, limit), down.clamp(-limit, limit)


def limit(layer: Layer, rank: int) -> Callable[[], None]:
    """Return the matrix products alone: two Gram matrices of the stacked factors, two turns of them to rank k."""
    up, down = torch.randn(layer.out, 2 * rank).double(), torch.randn(2 * rank, layer.inner).double()
    turn = torch.randn(2 * rank, rank).double()

    def products() -> None:
        _ = up.T @ up, down @ down.T, up @ turn, turn.T @ down

    return products


def seconds(way: Callable[[], object], repeats: int) -> float:
    """Return the median thread time of `way`; with more than one repeat after one that does not count."""
    taken = []
    for turn in range(repeats + (repeats > 1)):
        start = time.thread_time()
        way()
        if turn or repeats == 1:
            taken.append(time.thread_time() - start)
    return statistics.median(taken)


def per_shape(layers: tuple[Layer, ...], rank: int) -> tuple[float, float]:
    """Print a row per shape; return the processor seconds of the whole file, full matrix (extrapolated) and limit."""
    print(f"| layer | ours ms | limit ms | full matrix ms | full / ours | ours / limit |\n|---|{'---:|' * 5}")
    whole = [0.0, 0.0]
    for layer in layers:
        pair = layer.pair(rank)
        mine = seconds(lambda pair=pair: ours(pair, rank), 7)
        least = seconds(limit(layer, rank), 7)
        theirs = seconds(lambda pair=pair: full_matrix(pair, rank), 1)
        whole = [whole[0] + layer.count * theirs, whole[1] + layer.count * least]
        figures = (
            f"{1e3 * mine:.2f} | {1e3 * least:.2f} | {1e3 * theirs:.0f} | {theirs / mine:.0f} | {mine / least:.2f}"
        )
        print(f"| {layer} | {figures} |", flush=True)
    return whole[0], whole[1]


def whole_file(rank: int) -> dict[str, float]:
    """Return the processor seconds that all modules of SDXL take, really run one after another."""
    taken = dict.fromkeys(("best rank", "its check", "lossless", "its check "), 0.0)
    for layer in SDXL:
        pair = layer.pair(rank)
        for _ in range(layer.count):
            clock = [time.thread_time()]
            cut = ours(pair, rank)
            clock.append(time.thread_time())
            between(cut.to(torch.float16), total(pair, SCALES))
            clock.append(time.thread_time())
            exact = concat(pair, SCALES)
            clock.append(time.thread_time())
            rounding_error(exact.to(torch.float16), exact)
            clock.append(time.thread_time())
            for name, before, after in zip(taken, clock, clock[1:], strict=False):
                taken[name] += after - before
    return taken


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--ranks", type=int, nargs="+", default=[32], help="ranks of the two LoRAs; the first in detail"
    )
    parser.add_argument("--convolution", action="store_true", help="also a 3x3 of 1280 channels (half a minute)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    first = options.ranks[0]
    theirs, least = per_shape((*SDXL, CONVOLUTION) if options.convolution else SDXL, first)
    print(f"\nWhole SDXL LoRA, {sum(layer.count for layer in SDXL)} modules, processor seconds of one thread\n")
    print(f"full matrix, rank {first}: {theirs:.0f} (extrapolated from one of each shape); limit: {least:.2f}\n")
    print(f"| rank | best rank | its check | lossless | its check | full matrix / best rank |\n|---|{'---:|' * 5}")
    for rank in options.ranks:
        taken = whole_file(rank)
        print(
            f"| {rank} | {' | '.join(f'{s:.2f}' for s in taken.values())} | {theirs / taken['best rank']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

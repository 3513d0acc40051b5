"""A LoRA made smaller, and a LoRA out of two checkpoints, beside the usual way, on the same inputs.

    python benchmarks/merge_peers.py                     # from rank 32 to 16, and rank 32 out of a difference

*Full matrix* is what kohya-ss' resize_lora and extract_lora_from_models do, written from the mathematics: the whole
matrix in float32 (the product of the factors, or the difference of two weights), `torch.linalg.svd` with full matrices,
the first columns, all singular values in `up`; extracting also clamps at the 0.99 quantile. Processor seconds of one
thread, one matrix of each shape, times the number of such layers in SDXL; ours is the median of five. The errors are
|stored - delta| / |delta| in float64, of the float16 factors; *best* is what no factors of that rank can be below.

Then the whole file, really made, from the first byte read to the last one checked, beside its limit: reading what goes
in and writing what comes out.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from benchmarks.merge_files import merge, write
from benchmarks.merge_kernels import SDXL, Layer
from lib_lbw.merge.chunks import chunks
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.reduce import decompose

TRAINED = 64
"""Rank of the change that the second checkpoint has over the first."""

Factors = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """One layer: both ways to its float16 factors, and the matrix that they stand for, float64."""

    ours: Callable[[], Factors]
    full: Callable[[], Factors]
    delta: Tensor


def resize(layer: Layer, old: int, rank: int) -> Case:
    """Cut a LoRA of falling spectrum."""
    given = layer.pair(old)[0]

    def full() -> Factors:
        left, singular, right = torch.linalg.svd(given.up.float() @ given.down.float())
        return (left[:, :rank] @ singular[:rank].diag()).half(), right[:rank].half()

    return Case(lambda: halves(given.to(torch.float64), rank), full, given.to(torch.float64).dense())


def extract(layer: Layer, _old: int, rank: int) -> Case:
    """Take the difference of two random weights in float16, of falling spectrum over the rounding of both."""
    fall = torch.logspace(0, -2, TRAINED)
    change = (torch.randn(layer.out, TRAINED) * fall) @ torch.randn(TRAINED, layer.inner)
    base = (torch.randn(layer.out, layer.inner) * 0.02).half()
    tuned = (base.float() + change * (0.002 / change.std())).half()

    def ours() -> Factors:
        difference = tuned.float()
        for mine, theirs in chunks(difference, base):
            mine.sub_(theirs)
        return halves(difference, rank)

    def full() -> Factors:
        left, singular, right = torch.linalg.svd((tuned - base).float())
        up, down = left[:, :rank] @ singular[:rank].diag(), right[:rank]
        highest = float(torch.cat([up.flatten(), down.flatten()]).quantile(0.99))
        return up.clamp(-highest, highest).half(), down.clamp(-highest, highest).half()

    return Case(ours, full, tuned.double() - base.double())


WORKS = {"resize": resize, "extract": extract}


def halves(term: LowRank | Tensor, rank: int) -> Factors:
    found = decompose(term, rank).cut(rank).factors.to(torch.float16)
    return found.up, found.down


def error(factors: Factors, delta: Tensor) -> float:
    stored = factors[0].double() @ factors[1].double()
    return float(torch.linalg.vector_norm(stored - delta) / torch.linalg.vector_norm(delta))


def best(delta: Tensor, rank: int) -> float:
    """Return the least error that factors of the rank can have (Eckart and Young), from the smaller Gram matrix."""
    tall = delta if delta.shape[0] >= delta.shape[1] else delta.T
    squares = torch.linalg.eigvalsh(tall.T @ tall).clamp(min=0)
    return math.sqrt(float(squares[:-rank].sum() / squares.sum()))


def timed(way: Callable[[], Factors], repeats: int) -> tuple[float, Factors]:
    """Return the median thread time, and what came of it; of several runs the first does not count."""
    taken = []
    for turn in range(repeats + (repeats > 1)):
        start = time.thread_time()
        made = way()
        if turn or repeats == 1:
            taken.append(time.thread_time() - start)
    return statistics.median(taken), made


def per_shape(name: str, old: int, rank: int) -> None:
    """Print a row per shape, and what they come to over the whole file."""
    print(f"\n{name}, rank {rank}: processor ms per layer\n")
    print(f"| layer | layers | ours | full matrix | ratio | error, ours | full matrix | best |\n|---|{'---:|' * 7}")
    whole = [0.0, 0.0]
    for layer in SDXL:
        case = WORKS[name](layer, old, rank)
        mine, made = timed(case.ours, 5)
        theirs, usual = timed(case.full, 1)
        whole = [whole[0] + layer.count * mine, whole[1] + layer.count * theirs]
        errors = f"{error(made, case.delta):.6f} | {error(usual, case.delta):.6f} | {best(case.delta, rank):.6f}"
        print(
            f"| {layer} | {layer.count} | {1e3 * mine:.2f} | {1e3 * theirs:.0f} | {theirs / mine:.0f} | {errors} |",
            flush=True,
        )
    count = sum(layer.count for layer in SDXL)
    print(f"| all, s | {count} | {whole[0]:.2f} | {whole[1]:.0f} | {whole[1] / whole[0]:.0f} | | | |")


def whole_resize(old: int) -> None:
    """Make one file smaller, and beside it only read it and write as much."""
    with tempfile.TemporaryDirectory() as name:
        a, out = Path(name) / "a.safetensors", Path(name) / "out.safetensors"
        write(a, old, 0)
        clock = time.perf_counter(), time.process_time()
        told = merge("resize", a, a, out, old)
        middle = time.perf_counter(), time.process_time()
        size = out.stat().st_size
        out.unlink()
        between = time.perf_counter(), time.process_time()
        out.write_bytes(a.read_bytes()[:size])
        end = time.perf_counter(), time.process_time()
    print(f"\nwhole file, resize from rank {old} to {old // 2} (error {told:.4f})\n")
    print("| | wall s | CPU s |\n|---|---:|---:|")
    print(f"| ours | {middle[0] - clock[0]:.1f} | {middle[1] - clock[1]:.1f} |")
    print(f"| limit: read it, write the result | {end[0] - between[0]:.1f} | {end[1] - between[1]:.1f} |")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rank", type=int, default=32, help="of the LoRA that is resized to half, and of that extracted"
    )
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name in options.only:
        per_shape(name, options.rank, options.rank // 2 if name == "resize" else options.rank)
    if "resize" in options.only:
        whole_resize(options.rank)


if __name__ == "__main__":
    main()

"""What a block grid costs: the ways to draw it, the block switch alone, and the bare denoising nobody can go below.

    python benchmarks/block_switch.py [--only embedded|full] [--repeats 5] [--threads N] [--cpu-time]

Prints one table a model. Times are medians over the repeats, per cell. The ways take turns, and a ratio is the median
of the ratios within a round, so that a machine that gets slower meanwhile slows both sides. `--cpu-time` counts
processor time, for a machine that others use; it means something on one thread only.
"""

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import diffusers
import torch
import transformers

from benchmarks.models import Subject, embedded, full_size
from benchmarks.ways import Ways

ROWS = (
    ("bare denoising, no LoRA, one by one", "bare"),
    ("bare denoising, no LoRA, one batch", "bare_batch"),
    ("diffusers: load and unload the file per cell", "naive"),
    ("ours, one by one", "one_by_one"),
    ("ours, one batch", "batched"),
    ("switch alone, diffusers: load and unload", "reload"),
    ("switch alone, ours: one block on, another off", "switch"),
    ("switch alone, ours: every block to a new weight", "rescale"),
    ("once a run, ours: read the file and merge it", "first"),
)


# Ways that are compared stand next to each other, so that they meet the machine in the same mood.
ORDER = ("bare", "one_by_one", "bare_batch", "batched", "naive", "reload", "switch", "rescale", "first")

Times = dict[str, list[float]]
"""Way -> seconds a cell of every repeat."""


def measure(subject: Subject, repeats: int, clock: Callable[[], float]) -> Times:
    """Time every way `repeats` times, after one unmeasured round."""
    ways = Ways(subject, clock)
    taken: Times = {name: [] for name in ORDER}
    for turn in range(repeats + 1):
        for name, times in taken.items():
            seconds = getattr(ways, name)()
            if turn:
                times.append(seconds)
    return taken


def ratio(times: Times, one: str, other: str) -> float:
    """Return the median, over the repeats, of how much longer `one` took than `other` in the same round."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def report(subject: Subject, times: Times) -> str:
    """Return the table of one subject and the ratios that matter."""
    picture = subject.picture
    return "\n".join(
        [
            f"## {subject.title}",
            f"{subject.cells} cells, {picture.steps} steps, {picture.sampler}, guidance {picture.cfg_scale:g}",
            "",
            "| way | ms a cell |",
            "|---|---:|",
            *(f"| {title} | {1000 * statistics.median(times[name]):.1f} |" for title, name in ROWS),
            "",
            f"* one by one over bare denoising: {100 * (ratio(times, 'one_by_one', 'bare') - 1):+.1f} %",
            f"* block switch over bare denoising: {100 * ratio(times, 'switch', 'bare'):.2f} %",
            f"* block switch: {ratio(times, 'reload', 'switch'):.0f} times cheaper than diffusers'",
            f"* one batch against one by one: {ratio(times, 'one_by_one', 'batched'):.2f} times faster"
            f" (the limit, bare: {ratio(times, 'bare', 'bare_batch'):.2f})",
            f"* against diffusers: one by one {ratio(times, 'naive', 'one_by_one'):.2f}, one batch"
            f" {ratio(times, 'naive', 'batched'):.2f} times faster",
            "",
        ]
    )


def machine() -> str:
    """Describe what was measured on."""
    versions = f"torch {torch.__version__}, diffusers {diffusers.__version__}, transformers {transformers.__version__}"
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    cpu = names[0] if names else platform.processor()
    return f"{cpu}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {versions}, {load}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("embedded", "full"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--cpu-time", action="store_true")
    chosen = parser.parse_args()
    if chosen.threads or chosen.cpu_time:
        torch.set_num_threads(chosen.threads or 1)
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(f"{machine()}, {clock.__name__}", end="\n\n", flush=True)
    if chosen.only != "full":
        subject = embedded()
        print(report(subject, measure(subject, chosen.repeats, clock)), flush=True)
    if chosen.only != "embedded":
        with tempfile.TemporaryDirectory() as folder:
            subject = full_size(Path(folder))
            print(report(subject, measure(subject, chosen.repeats, clock)), flush=True)


if __name__ == "__main__":
    main()

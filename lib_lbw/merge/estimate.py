"""What a plan will take: bytes on the disk, memory and time, from shapes alone.

The model of the time is that of the kernels: Gram matrices and triangular solves for a cut to a rank, sampling for a
dense matrix, a few passes over the numbers for the rest; the speeds are those of one core of a small server.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from lib_lbw.lora.header import ITEM_SIZES
from lib_lbw.merge.job import Job
from lib_lbw.merge.recipe import Recipe
from lib_lbw.merge.sources import Opened

FLOPS = 8e9  # double precision, one core
BYTES = 150e6  # a second: read, check, cast, hash, write
KEY = 130  # bytes of a header for one tensor
METADATA = 6_000  # bytes of what is written besides what the sources say
BASE_MEMORY = 100_000_000
_KEPT = ("ss_tag_frequency",)
_FLOAT64 = 8


@dataclass(frozen=True)
class Estimate:
    """`size` of the file and `memory` beyond that of the program, in bytes; `seconds` on this machine."""

    size: int
    memory: int
    seconds: float


def estimate(recipe: Recipe, jobs: Sequence[Job], dtype: str, opened: Sequence[Opened]) -> Estimate:
    """Return what the jobs will take, the numbers stored as `dtype`."""
    item = ITEM_SIZES[dtype]
    metadata = METADATA + sum(len(each.file.metadata.get(key, "")) for each in opened for key in _KEPT)
    size = metadata + sum(job_bytes(job, item, recipe) for job in jobs)
    if recipe.ranks.size is not None:
        size = min(size, recipe.ranks.size)
    workers = os.cpu_count() or 1
    memory = BASE_MEMORY + workers * max((_working_set(job) for job in jobs), default=0)
    read = sum(part.module.nbytes for job in jobs for part in job.parts)
    passes = 2 if recipe.ranks.size is not None else 1
    seconds = (read * passes + 2 * size) / BYTES + sum(map(_flops, jobs)) * passes / (FLOPS * workers)
    return Estimate(size, memory, seconds)


def job_bytes(job: Job, item: int, recipe: Recipe) -> int:
    """Return the bytes of a job in the file with its share of the header; `item` bytes a number."""
    layer = job.layer
    if job.way == "keep":
        module = job.parts[0].module
        whole = (
            module.nbytes
            if recipe.dtype == "auto"
            else sum(math.prod(info.shape) * item for info in module.tensors.values())
        )
        return whole + KEY * len(module.tensors)
    if job.way in ("vector", "dense"):
        return layer.out * layer.columns * item + KEY if layer.shape else KEY
    return job.most_ranks * (layer.out + layer.columns) * item + 3 * KEY


def _inner(job: Job) -> int:
    """Return the ranks that have to be looked at together."""
    return job.layer.least_side if job.exact_rank is None else job.exact_rank


def _working_set(job: Job) -> int:
    layer = job.layer
    if job.way in ("keep", "vector"):
        return sum(part.module.nbytes for part in job.parts) * 4
    if job.exact_rank is None:
        return layer.out * layer.columns * _FLOAT64 * 4
    return (layer.out + layer.columns) * _inner(job) * _FLOAT64 * 4


def _flops(job: Job) -> float:
    layer = job.layer
    if job.way in ("keep", "vector"):
        return 0.0
    sides, area = layer.out + layer.columns, layer.out * layer.columns
    if job.exact_rank is None:
        return 16.0 * area * (job.most_ranks + 64) if job.way != "dense" else 20.0 * area
    inner, cut = _inner(job), 0 if job.way == "concat" else 1
    check = 4.0 * sides * inner * inner
    return check + cut * (8.0 * sides * inner * inner + 30.0 * inner**3)

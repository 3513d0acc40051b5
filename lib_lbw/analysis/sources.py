"""Which files draw: a picture is taken for done only while the model and the LoRAs are those that drew it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.lora.header import read_header
from lib_lbw.weights.grammar import find_directives

HASH_KEY = "sshs_model_hash"
"""Metadata: SHA-256 of a LoRA's payload, as trainers write it."""


def lora_identity(path: Path) -> str:
    """Return what tells this LoRA from another of its name: size and payload hash, or size and time without a hash.

    A copy keeps its identity where the file says its hash. Raises LoraFileError for a file that cannot be read.
    """
    header = read_header(path)
    found = header.metadata.get(HASH_KEY)
    return f"{header.size} bytes, hash {found}" if found else _stamp((path,))


def model_identity(path: Path, dtype: str) -> str:
    """Return what tells this checkpoint from another: its name, size, time, and the dtype it is loaded in.

    `path` is a file, or a diffusers folder. Raises OSError for one that is not there.
    """
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)
    return f"{path.name}, {_stamp(files)}, {dtype}"


def with_sources(plan: AnalysisPlan, model: str, loras: Mapping[str, Path]) -> AnalysisPlan:
    """Return the plan with the identity of the model and of the LoRAs its prompts name.

    `loras` maps names to files; a name that is missing there is left for the drawing program to tell. Raises
    LoraFileError for a LoRA that cannot be read.
    """
    directives = (found.directive for found in find_directives(plan.cells[0].prompt))
    names = dict.fromkeys(directive.name for directive in directives if directive is not None)
    named = {f"lora:{name}": lora_identity(loras[name]) for name in names if name in loras}
    return replace(plan, sources={"model": model, **named})


def _stamp(files: Iterable[Path]) -> str:
    """Return size and time; of several files the sum and the latest."""
    found = [file.stat() for file in files]
    size, latest = sum(each.st_size for each in found), max((each.st_mtime_ns for each in found), default=0)
    return f"{size} bytes, written {latest}"

"""What is said of a merge before and after it, for people."""

from collections.abc import Mapping
from typing import Any

from lib_lbw.cli.output import counted, notes, size, table
from lib_lbw.cli.progress import duration

_NAMED = 10
_WAYS = {
    "keep": "tensors kept, only weighed",
    "concat": "put together exactly",
    "vector": "norms or biases, added",
    "cut": "cut to fewer ranks",
    "core": "merged against interference",
    "dense": "stored whole",
}


def announced(report: Mapping[str, Any], family: str) -> str:
    """Return the pre-flight as lines and tables."""
    sources = [
        [
            source["name"],
            f"{source['te']:g}",
            f"{source['unet']:g}",
            f"{source['modules']} of {source['of']}",
            _counted(source["ranks"]),
            _counted(source["algorithms"]),
        ]
        for source in report["sources"]
    ]
    blocks = [[name, str(held["modules"]), str(held["most_ranks"] or "-")] for name, held in report["blocks"].items()]
    lines = [
        f"{family}, stored as {report['dtype']} in {report['output']}",
        "",
        table(["LORA", "TE", "U-NET", "MODULES", "RANK", "ALGORITHM"], sources),
        "",
        table(["BLOCK", "MODULES", "RANK"], blocks),
        "",
        *(f"{counted(count, 'module')}: {_WAYS[way]}" for way, count in report["ways"].items()),
        *([f"{counted(report['silent'], 'module')}: left out, of weight 0"] if report["silent"] else []),
        f"about {size(report['bytes'])}, {size(report['memory'])} of memory, {_time(report['seconds'])}",
        *_refusals(report["refused"]),
        *_measures(report),
        *notes(report),
    ]
    return "\n".join(lines)


def told(result: Mapping[str, Any]) -> str:
    """Return what came of it."""
    kept = [(block, share) for block, share in result["kept"].items() if share < 1 - 1e-6]
    lines = [
        f"{result['path']} ({size(result['bytes'])})",
        f"payload  {result['sha256']}",
        f"error    {result['error']:.2g} (what is stored against the exact sum)",
        *([f"kept     {min(share for _, share in kept):.2%} of the energy at least, by block:"] if kept else []),
        *([table(["BLOCK", "KEPT"], [[block, f"{share:.2%}"] for block, share in kept])] if kept else []),
        *([f"dropped  {counted(len(result['dropped']), 'module')}: the sum is zero"] if result["dropped"] else []),
        *notes(result),
    ]
    return "\n".join(lines)


def _refusals(refused: list[dict[str, str]]) -> list[str]:
    if not refused:
        return []
    more = [f"  and {len(refused) - _NAMED} more"] if len(refused) > _NAMED else []
    named = [f"  {each['module']}: {each['reason']}" for each in refused[:_NAMED]]
    ways = "--base FILE gives the checkpoint that some need; --leave-out goes on without them"
    return [f"{counted(len(refused), 'module')} cannot be merged:", *named, *more, f"  {ways}"]


def _measures(report: Mapping[str, Any]) -> list[str]:
    if "energies" not in report:
        return []
    names = [source["name"] for source in report["sources"]]
    totals = [sum(each.values()) or 1.0 for each in report["energies"]]
    blocks = [
        [block, *(f"{each.get(block, 0.0) / all_:.1%}" for each, all_ in zip(report["energies"], totals, strict=True))]
        for block in report["blocks"]
    ]
    overlaps = [
        [
            f"{names[each['first']]} / {names[each['second']]}",
            each["block"],
            f"{each['cosine']:+.4f}",
            f"{each['expected']:.4f}",
        ]
        for each in report["overlaps"]
    ]
    told = ["", "where each LoRA acts:", table(["BLOCK", *names], blocks)]
    if overlaps:
        head = ["LORAS", "BLOCK", "COSINE", "BY CHANCE"]
        told += ["", "how alike they are (1: the same, 0: nothing in common):", table(head, overlaps)]
    return [*told, ""]


def _counted(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} x{count}" for name, count in counts.items()) or "-"


def _time(seconds: float) -> str:
    return "a second" if seconds < 1.5 else duration(seconds)

"""What `lbw analyze` says: what it is about to draw, and what came out."""

from typing import TYPE_CHECKING, Any

from lib_lbw.cli.output import note, table

if TYPE_CHECKING:
    from lib_lbw.analysis.cell import AnalysisPlan
    from lib_lbw.analysis.results import Results, Row
    from lib_lbw.lora.file import LoraFile

SHOWN = ("diff_percent", "color_difference", "composition", "line_energy", "amount")


def announced(plan: "AnalysisPlan", lora: "LoraFile") -> dict[str, Any]:
    """Say what will be drawn before anything is, and return it for JSON."""
    about = {
        "lora": str(lora.path),
        "family": lora.family.title,
        "blocks": list(lora.present()),
        "absent": list(lora.absent()),
        "pictures": len(plan.requests()),
    }
    note(f"{plan.title} ({about['family']}, {about['pictures']} pictures)")
    note(f"holds {' '.join(lora.present())}")
    note(f"lacks {' '.join(lora.absent()) or 'none'}")
    for notice in plan.notices:
        note(f"note: {notice}")
    return about


def told(results: "Results") -> dict[str, Any]:
    """Return where the results are and the numbers of each row: median, lowest and highest over the seeds."""
    files = {"grid": results.grid, "diff_grid": results.diff_grid, "report": results.report}
    return {
        "folder": str(results.folder),
        "complete": results.complete,
        "notices": list(results.notices),
        **{name: str(path) for name, path in files.items()},
        "results": str(results.folder / "results.json"),
        "csv": str(results.folder / "results.csv"),
        "rows": results.to_json()["rows"],
    }


def described(results: "Results") -> str:
    """Return the blocks, the strongest first, and where the pictures are."""
    rows = results.ranked()
    shown = [name for name in SHOWN if any(name in row.numbers for row in rows)]
    body = [[row.label, *(_median(row, name) for name in shown)] for row in rows]
    files = f"grid    {results.grid}\nreport  {results.report}"
    return f"{table(['BLOCK', *(name.upper() for name in shown)], body)}\n\n{files}" if body else files


def _median(row: "Row", name: str) -> str:
    return f"{row.numbers[name].median:.4g}" if name in row.numbers else "-"

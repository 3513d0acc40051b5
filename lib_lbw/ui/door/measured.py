"""What the newest analysis of a LoRA measured of its blocks, to read beside what the literature says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_lbw.analysis.stored import RESULTS_JSON
from lib_lbw.ui.diagram_cells import short
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.folders import earlier, short_name
from lib_lbw.ui.i18n import Translate, say

_EFFECT = "diff_percent"
_SHOWN = (_EFFECT, "color_difference", "composition", "line_energy")


def measured(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the effect of each block of `lora` by its newest analysis block by block, and that analysis' folder.

    `blocks`: name -> {"effect": share of the picture's values that changed, in percent, "text": all in a sentence};
    empty, and `folder` None, when the LoRA was never analysed.
    """
    lora = question.text("lora")
    for folder in [] if desk.analyses is None else earlier(desk.analyses):
        if short_name(lora) in folder:
            rows = _rows(desk.analyses / folder, lora) if desk.analyses else {}
            if rows:
                return {"folder": folder, "blocks": _told(rows, question.translate)}
    return {"folder": None, "blocks": {}}


def _rows(folder: Path, lora: str) -> dict[str, dict[str, float]]:
    """Return block -> number -> median of one analysis; empty unless it is of that LoRA, block by block."""
    try:
        data = json.loads((folder / RESULTS_JSON).read_text(encoding="utf-8"))
        if data["plan"]["lora"] != lora or data["plan"]["kind"] != "blocks":
            return {}
        rows = [row for row in data["rows"] if row["kind"] == "block" and _EFFECT in row["numbers"]]
        return {row["label"]: {name: float(row["numbers"][name][0]) for name in _SHOWN} for row in rows}
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return {}  # a folder that is half written, or not ours


def _told(rows: Mapping[str, Mapping[str, float]], translate: Translate) -> dict[str, dict[str, Any]]:
    ranked = sorted(rows, key=lambda block: rows[block][_EFFECT], reverse=True)
    return {
        block: {"effect": rows[block][_EFFECT], "text": _sentence(rows[block], place, len(ranked), translate)}
        for place, block in enumerate(ranked, 1)
    }


def _sentence(numbers: Mapping[str, float], place: int, count: int, translate: Translate) -> str:
    return say(
        translate,
        "{percent} % of the picture changes (place {place} of {count}); ΔE {color}, layout {layout}, lines {lines}",
        percent=f"{numbers[_EFFECT]:.1f}",
        place=place,
        count=count,
        color=f"{numbers['color_difference']:.1f}",
        layout=short(numbers["composition"]),
        lines=short(numbers["line_energy"]),
    )


ANSWERS = {"measured": measured}

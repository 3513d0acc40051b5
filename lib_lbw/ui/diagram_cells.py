"""One cell of the block diagram: frame, bar or hatching, name, number, and the words that a pointer brings up."""

from dataclasses import dataclass
from typing import Literal

from lib_lbw.blocks.family import Family
from lib_lbw.ui.diagram_layout import Cell
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.roles import roles

Mode = Literal["weights", "effect"]
_HATCH = 6


@dataclass(frozen=True)
class Block:
    """What one cell shows. `value` is None where nothing is known; `full` is the value of a full bar."""

    cell: Cell
    value: float | None
    full: float
    absent: bool
    starred: bool
    mode: Mode

    @property
    def kind(self) -> str:
        """The class of its colours: "effect", or "low" below 0, "mid" up to 1, "high" above."""
        if self.mode == "effect":
            return "effect"
        if self.value is None or 0 <= self.value <= 1:
            return "mid"
        return "low" if self.value < 0 else "high"


def short(value: float) -> str:
    """Return a number as a person writes it: at most three decimals, no trailing zeros, no minus zero."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def draw(block: Block, family: Family, translate: Translate) -> str:
    """Return the block as an SVG group."""
    cell = block.cell
    classes = ["lbw-block", "lbw-attention" if cell.attention else "lbw-conv", f"lbw-{block.kind}"]
    if block.absent:
        classes.append("lbw-absent")
    content = element("title", escape(_tooltip(block, family, translate))) + _frame(block)
    if block.absent:
        content += _hatching(cell)
    elif block.value:
        content += _bar(block, abs(block.value) / block.full)
    return element(
        "g", content + _captions(block), class_=" ".join(classes), data_block=cell.name,
        transform=f"translate({short(cell.x)} {short(cell.y)})",
    )  # fmt: skip


def _frame(block: Block) -> str:
    cell = block.cell
    dashes = None if cell.attention else "3 2"
    return element(
        "rect", class_="lbw-frame", width=short(cell.width), height=short(cell.height), rx=4,
        fill="currentColor", fill_opacity=0.05, stroke="currentColor",
        stroke_opacity=0.45 if cell.attention else 0.35, stroke_dasharray=dashes,
    )  # fmt: skip


def _bar(block: Block, share: float) -> str:
    cell = block.cell
    width = min(share, 1.0) * cell.width
    colours = {"low": "#f5a873", "mid": "#8cc4ee", "high": "#6b2f8f", "effect": "#8cc4ee"}
    return element(
        "rect", class_="lbw-bar", x=short(cell.width - width if block.kind == "low" else 0), width=short(width),
        height=short(cell.height), rx=4, style=f"fill: var(--lbw-{block.kind}, {colours[block.kind]})",
    )  # fmt: skip


def _captions(block: Block) -> str:
    cell = block.cell
    y = short(cell.height / 2 + 4)
    style = "fill: var(--lbw-on-high, #ffffff)" if block.kind == "high" and not block.absent else "fill: currentColor"
    faint = 0.5 if block.absent else None
    name = element("text", escape(cell.name), class_="lbw-name", x=7, y=y, style=style, fill_opacity=faint)
    if block.absent:
        return name
    shown = "–" if block.value is None else short(block.value) + ("*" if block.starred else "")
    number = element(
        "text", shown, class_="lbw-number", x=short(cell.width - 7), y=y, text_anchor="end", style=style,
        fill_opacity=None if block.value else 0.55, font_weight=600 if block.value else None,
    )  # fmt: skip
    return name + number


def _hatching(cell: Cell) -> str:
    """Draw 45 degree lines cut to the cell. A pattern would need an id, and ids clash on a page of many diagrams."""
    lines = []
    for start in range(_HATCH - int(cell.height), int(cell.width), _HATCH):
        x1, y1 = (start, cell.height) if start >= 0 else (0, cell.height + start)
        end = start + cell.height
        x2, y2 = (end, 0) if end <= cell.width else (cell.width, end - cell.width)
        lines.append(f"M{short(x1)} {short(y1)}L{short(x2)} {short(y2)}")
    return element("path", class_="lbw-hatch", d="".join(lines), stroke="currentColor", stroke_opacity=0.2, fill="none")


def _tooltip(block: Block, family: Family, translate: Translate) -> str:
    name = block.cell.name
    if block.absent:
        first = say(translate, "{block}: not in this LoRA", block=name)
    elif block.value is None:
        first = name
    else:
        template = "{block}: effect {number}" if block.mode == "effect" else "{block}: weight {number}"
        first = say(translate, template, block=name, number=short(block.value))
    lines = [first]
    if block.starred:
        lines.append(translate("* Some layers have a weight of their own"))
    role = roles(family.id).get(name)
    if role:
        lines.append(
            say(translate, "{role} (according to: {source})", role=translate(role.text), source=translate(role.source))
        )
    return "\n".join(lines)

"""The block diagram: a model's blocks with a number each, as one SVG string.

The drawing stands alone (a saved file or a report shows it) and follows a page's theme through `currentColor` and the
custom properties `--lbw-low`, `--lbw-mid`, `--lbw-high`, `--lbw-on-high` and `--lbw-effect`. Weights are coded twice,
for eyes that see few colours: orange and from the right below 0, blue and from the left up to 1, dark purple above 1.
Hatched blocks have no tensors in the LoRA; a block of convolutions only is lower and dashed.
"""

from collections.abc import Collection, Mapping

from lib_lbw.blocks.family import Family
from lib_lbw.ui.diagram_cells import Block, Mode, draw, short
from lib_lbw.ui.diagram_layout import WIDTH, Layout, Level, layout
from lib_lbw.ui.i18n import Translate, english, say
from lib_lbw.ui.markup import element, escape
from lib_lbw.weights.block_weights import BlockWeights

_DIVISORS = {1: "1", 2: "½", 4: "¼", 8: "⅛"}


def diagram(
    weights: BlockWeights | Mapping[str, float],
    family: Family,
    mode: Mode = "weights",
    *,
    present: Collection[str] | None = None,
    translate: Translate = english,
) -> str:
    """Return the SVG of `weights` (block or leaf name -> number) on the blocks of `family`.

    In mode "weights" a bar is full at 1; in mode "effect" (numbers from 0 up, or signed) at the largest magnitude. A
    name that is missing from `weights` is drawn without a number. `present`: the leaves that the LoRA file holds, the
    others are hatched; None for all.
    """
    numbers = dict(weights.weights) if isinstance(weights, BlockWeights) else dict(weights)
    ruled = _ruled_leaves(weights, family) if isinstance(weights, BlockWeights) else frozenset()
    names = _names(family, numbers)
    full = max((abs(value) for value in numbers.values()), default=0.0) if mode == "effect" else 1.0
    plan = layout(family, names)
    blocks = [
        Block(
            cell=cell,
            value=_value(cell.name, numbers, family),
            full=full or 1.0,
            absent=present is not None and not set(family.leaves(cell.name)) & set(present),
            starred=bool(set(family.leaves(cell.name)) & ruled),
            mode=mode,
        )
        for cell in plan.cells
    ]
    drawn = "".join(draw(block, family, translate) for block in blocks)
    return element(
        "svg",
        _background(plan, translate) + drawn,
        class_=f"lbw-diagram lbw-diagram-{mode}",
        viewBox=f"0 0 {WIDTH} {short(plan.height)}",
        role="img",
        aria_label=say(translate, "Blocks of {family}", family=family.title),
        xmlns="http://www.w3.org/2000/svg",
        font_family="system-ui, sans-serif",
        font_size="11",
    )


def _names(family: Family, numbers: Mapping[str, float]) -> list[str]:
    """Return the blocks to draw; a group whose leaves have different numbers is drawn as its leaves."""
    names: list[str] = []
    for name in family.shown():
        leaves = family.leaves(name)
        alike = len({numbers.get(leaf) for leaf in leaves}) == 1
        names.extend((name,) if alike or name in numbers else leaves)
    return names


def _value(name: str, numbers: Mapping[str, float], family: Family) -> float | None:
    return numbers[name] if name in numbers else numbers.get(family.leaves(name)[0])


def _ruled_leaves(weights: BlockWeights, family: Family) -> frozenset[str]:
    """Return the leaves in which an elemental rule overrides the block's number for some modules."""
    return frozenset(leaf for rule in weights.rules for leaf in (family.blocks if rule.blocks is None else rule.blocks))


def _background(plan: Layout, translate: Translate) -> str:
    stroke = {"fill": "none", "stroke": "currentColor"}
    flow = "".join("M" + "L".join(f"{short(x)} {short(y)}" for x, y in line) for line in plan.flow)
    links = "".join(
        element(
            "line", class_="lbw-skip", x1=a.x1, y1=a.y1, x2=a.x2, y2=a.y2, **stroke,
            stroke_opacity=0.22, stroke_dasharray="1 4", stroke_linecap="round",
        )
        for a in plan.links
    )  # fmt: skip
    levels = "".join(_level(level, translate) for level in plan.levels)
    lines = element("path", class_="lbw-flow", d=flow, **stroke, stroke_opacity=0.3) if flow else ""
    return lines + links + levels


def _level(level: Level, translate: Translate) -> str:
    share = _DIVISORS[level.divisor]
    title = say(translate, "Resolution: {share} of the latent image", share=share)
    return element(
        "text", element("title", escape(title)) + share, class_="lbw-level", x=level.x, y=level.y + 4,
        text_anchor="middle", fill="currentColor", fill_opacity=0.45,
    )  # fmt: skip


def legend(translate: Translate = english) -> str:
    """Return the key of the colours and forms of weights as HTML."""
    colours = (("low", "below 0"), ("mid", "0 to 1"), ("high", "above 1"))
    shapes = (("conv", "convolutions only"), ("absent", "not in this LoRA"))
    items = "".join(
        element("span", element("i", class_=f"lbw-key lbw-key-{kind}") + escape(translate(text)))
        for kind, text in (*colours, *shapes)
    )
    return element("div", items, class_="lbw-legend")

"""Where each block of a family stands in its diagram: a U for the U-Nets, columns for the transformers.

Coordinates are SVG user units in a drawing `WIDTH` wide, y downwards. In a U-Net, output block j takes the skip
connection of input block n-1-j, so both stand in one row, and every third input block begins a level of half the
resolution, which steps one indent inwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil

from lib_lbw.blocks.family import Family

WIDTH = 360
_MARGIN = 6
_ROW = 26
_CELL_HEIGHT = 21
_CONV_HEIGHT = 16
_CELL_WIDTH = 112
_INDENT = 13
_LEVEL_GAP = 5
_TOP_HEIGHT = 25
_BLOCKS_A_LEVEL = 3
_COLUMNS = 3
_LIST_LENGTH = 4
_GAP = 6.0
_PITCH = 21.0
_BEND = 26


Point = tuple[float, float]
Line = tuple[Point, ...]


@dataclass(frozen=True)
class Cell:
    """One block's place. `attention` is False for a block of convolutions only."""

    name: str
    x: float
    y: float
    width: float
    height: float
    attention: bool = True


@dataclass(frozen=True)
class Link:
    """A skip connection, from the right edge of an input block to the left edge of an output block."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Level:
    """The resolution of some rows, as a divisor of the latent image's: 1, 2, 4, 8."""

    divisor: int
    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """A whole diagram: cells, and for a U-Net its skip connections, levels and the flow from block to block."""

    height: float
    cells: tuple[Cell, ...]
    links: tuple[Link, ...] = ()
    levels: tuple[Level, ...] = ()
    flow: tuple[Line, ...] = ()


def layout(family: Family, names: Sequence[str]) -> Layout:
    """Place `names`, blocks or groups of `family` in model order."""
    if "MID" in names:
        return _u_layout(family, names)
    return _column_layout(names)


def _u_layout(family: Family, names: Sequence[str]) -> Layout:
    ins = [name for name in names if re.fullmatch(r"IN\d+", name)]
    outs = [name for name in names if re.fullmatch(r"OUT\d+", name)]
    with_attention = frozenset(family.layouts[family.attention_length])
    top = _row([name for name in names if name not in {*ins, *outs, "MID"}], _MARGIN)
    left, right = [], []
    for row, (in_name, out_name) in enumerate(zip(ins, reversed(outs), strict=True)):
        level = row // _BLOCKS_A_LEVEL
        y = _MARGIN + _TOP_HEIGHT + 14 + row * _ROW + level * _LEVEL_GAP
        x = _MARGIN + level * _INDENT
        left.append(_block(in_name, x, y, with_attention))
        right.append(_block(out_name, WIDTH - x - _CELL_WIDTH, y, with_attention))
    bottom = left[-1].y + _ROW + 2 * _LEVEL_GAP
    middle = _block("MID", (WIDTH - _CELL_WIDTH) / 2, bottom, with_attention)
    return Layout(
        height=bottom + _CELL_HEIGHT + _MARGIN,
        cells=(*top, *left, middle, *right),
        links=tuple(_link(a, b) for a, b in zip(left, right, strict=True)),
        levels=tuple(
            Level(2 ** (row // _BLOCKS_A_LEVEL), WIDTH / 2, _middle(cell)[1] + _ROW / 2)
            for row, cell in enumerate(left)
            if row % _BLOCKS_A_LEVEL == 1
        ),
        flow=(*_downwards(left), *_round_the_bend(left[-1], middle, right[-1]), *_downwards(right)),
    )


def _block(name: str, x: float, y: float, with_attention: frozenset[str]) -> Cell:
    if name in with_attention:
        return Cell(name, x, y, _CELL_WIDTH, _CELL_HEIGHT)
    return Cell(name, x, y + (_CELL_HEIGHT - _CONV_HEIGHT) / 2, _CELL_WIDTH, _CONV_HEIGHT, attention=False)


def _downwards(column: Sequence[Cell]) -> list[Line]:
    """Join each cell to the one below it, from edge to edge."""
    return [
        ((_middle(upper)[0], upper.y + upper.height), (_middle(lower)[0], lower.y)) for upper, lower in pairwise(column)
    ]


def _round_the_bend(left: Cell, middle: Cell, right: Cell) -> list[Line]:
    """Join the lowest cells of both columns to the sides of MID."""
    y = _middle(middle)[1]
    return [
        ((_middle(cell)[0] - side, cell.y + cell.height), (_middle(cell)[0] - side, y), (edge, y))
        for cell, side, edge in ((left, _BEND, middle.x), (right, -_BEND, middle.x + middle.width))
    ]


def _middle(cell: Cell) -> Point:
    return cell.x + cell.width / 2, cell.y + cell.height / 2


def _link(left: Cell, right: Cell) -> Link:
    return Link(left.x + left.width, _middle(left)[1], right.x, _middle(right)[1])


def _row(names: Sequence[str], y: float) -> list[Cell]:
    """Spread `names` over the width in one row; OTHER, which few people weigh, takes less room."""
    shares = [0.75 if name == "OTHER" else 1.0 for name in names]
    unit = (WIDTH - 2 * _MARGIN - _GAP * (len(names) - 1)) / max(sum(shares), 1.0)
    starts = [_MARGIN + unit * sum(shares[:index]) + _GAP * index for index in range(len(names))]
    return [Cell(name, x, y, unit * share, _CELL_HEIGHT) for name, x, share in zip(names, starts, shares, strict=True)]


def _column_layout(names: Sequence[str]) -> Layout:
    """Place the parts that stand alone above, row by row, and the numbered lists below, column by column."""
    lists, singles = _numbered(names)
    columns = _columns(lists)
    abreast = max(_COLUMNS, len(columns))
    width = (WIDTH - 2 * _MARGIN - _GAP * (abreast - 1)) / abreast

    def cell(name: str, column: int, row: int, top: float) -> Cell:
        return Cell(name, _MARGIN + column * (width + _GAP), top + row * _PITCH, width, _PITCH - 4)

    above = [cell(name, index % abreast, index // abreast, _MARGIN) for index, name in enumerate(singles)]
    top = _MARGIN + ceil(len(singles) / abreast) * _PITCH + _GAP
    below = [cell(name, x, y, top) for x, column in enumerate(columns) for y, name in enumerate(column)]
    rows = max((len(column) for column in columns), default=0)
    return Layout(height=top + rows * _PITCH + _MARGIN, cells=(*above, *below))


def _numbered(names: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Split names into the numbered lists (`D00`, `D01`, ...) and the parts that stand alone."""
    lists: list[list[str]] = []
    singles: list[str] = []
    for _, run in groupby(names, key=lambda name: re.sub(r"\d+$", "", name)):
        members = list(run)
        if len(members) >= _LIST_LENGTH:
            lists.append(members)
        else:
            singles.extend(members)
    return lists, singles


def _columns(lists: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Cut the lists into columns of equal height, as short as `_COLUMNS` columns allow."""
    total = sum(map(len, lists))
    rows = max(1, ceil(total / _COLUMNS))
    while sum(ceil(len(members) / rows) for members in lists) > max(_COLUMNS, len(lists)):
        rows += 1
    return [members[start : start + rows] for members in lists for start in range(0, len(members), rows)]

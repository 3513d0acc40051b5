"""Cells, labels and numbers to one picture: labels are measured and wrapped, margins grow, nothing is clipped.

Of the cells one picture at a time is in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

from PIL import Image, ImageDraw

from lib_lbw.analysis.files import read_image
from lib_lbw.analysis.text import SMALLEST, Font, atoms, font_for, line_height, width, wrap

_INK, _SOFT, _PAPER, _EMPTY, _RULE = "#1d2330", "#596275", "#ffffff", "#eef0f4", "#d5d9e2"
_LARGEST = 28

Source = Image.Image | Path
"""A picture, or the file that holds it."""


@dataclass(frozen=True)
class Page:
    """One table of pictures. `cells[row][column]`; None leaves the place empty. `captions` has the same shape or is ().

    `title` stands above the table; `rows` and `columns` label it ("" for none).
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Source | None, ...], ...]
    captions: tuple[tuple[str, ...], ...] = ()

    def transposed(self) -> "Page":
        """Return the page with rows and columns changed over."""
        return replace(
            self,
            rows=self.columns,
            columns=self.rows,
            cells=tuple(zip(*self.cells, strict=True)),
            captions=tuple(zip(*self.captions, strict=True)),
        )


@dataclass(frozen=True)
class _Layout:
    cell: tuple[int, int]
    pitch: int
    size: int
    gap: int
    side: int
    head: int
    foot: int
    title: int
    width: int

    @property
    def step_y(self) -> int:
        return self.cell[1] + self.foot + self.gap


def compose(pages: Sequence[Page], *, max_pixels: int = 120_000_000) -> Image.Image:
    """Draw the pages one above the other.

    Cells of different sizes are centred in the largest. The whole is made smaller, cells only and labels never, when
    it would exceed `max_pixels`: the cells' own files keep the full size.
    """
    if not pages:
        return Image.new("RGB", (1, 1), _PAPER)
    sizes = [_cell_size(page) for page in pages]
    pixels = sum(
        size[0] * size[1] * len(page.rows) * len(page.columns) for size, page in zip(sizes, pages, strict=True)
    )
    shrink = min(1.0, sqrt(max_pixels / max(pixels, 1)))
    layouts = [_layout(page, size, shrink) for page, size in zip(pages, sizes, strict=True)]
    heights = [_height(page, layout) for page, layout in zip(pages, layouts, strict=True)]
    sheet = Image.new("RGB", (max(layout.width for layout in layouts), sum(heights)), _PAPER)
    for number, (page, layout) in enumerate(zip(pages, layouts, strict=True)):
        sheet.paste(_draw(page, layout), (0, sum(heights[:number])))
    return sheet


def _height(page: Page, layout: _Layout) -> int:
    return layout.title + layout.head + len(page.rows) * layout.step_y + layout.gap


def _draw(page: Page, layout: _Layout) -> Image.Image:
    step_x, step_y = layout.pitch + layout.gap, layout.step_y
    size = (layout.width, _height(page, layout))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    _text(draw, page.title, (layout.gap, layout.gap, size[0] - 2 * layout.gap, layout.title), layout.size + 2, _INK)
    left, top = layout.side + 2 * layout.gap, layout.title + layout.head + layout.gap
    for column, label in enumerate(page.columns):
        box = (left + column * step_x, layout.title, layout.pitch, layout.head)
        _text(draw, label, box, layout.size, _INK, centred=True)
    for row, label in enumerate(page.rows):
        y = top + row * step_y
        draw.line((layout.gap, y - layout.gap // 2, size[0] - layout.gap, y - layout.gap // 2), fill=_RULE)
        _text(draw, label, (layout.gap, y, layout.side, layout.cell[1]), layout.size, _INK, middle=True)
        for column in range(len(page.columns)):
            x = left + column * step_x
            _paste(sheet, page.cells[row][column], (x + (layout.pitch - layout.cell[0]) // 2, y), layout.cell)
            if page.captions:
                box = (x, y + layout.cell[1], layout.pitch, layout.foot)
                _text(draw, page.captions[row][column], box, _caption_size(layout.size), _SOFT, centred=True)
    return sheet


def _layout(page: Page, largest: tuple[int, int], shrink: float) -> _Layout:
    cell = (max(1, round(largest[0] * shrink)), max(1, round(largest[1] * shrink)))
    size = max(SMALLEST + 1, min(_LARGEST, cell[0] // 14))
    gap = max(6, size // 2)
    captions = [text for row in page.captions for text in row]
    pitch = max(cell[0], _narrowest(page.columns, size), _narrowest(captions, _caption_size(size)))
    side_limit = max(_narrowest(page.rows, size), min(2 * cell[0], 16 * size))
    side = max((_block(label, size, side_limit)[0] for label in page.rows if label), default=0)
    table = side + 2 * gap + len(page.columns) * (pitch + gap)
    title_width = min(width(page.title, font_for(page.title, size + 2)), 24 * size)
    sheet = max(table, title_width + 2 * gap)
    return _Layout(
        cell=(cell[0], max(cell[1], max((_block(label, size, side)[1] for label in page.rows if label), default=0))),
        pitch=pitch,
        size=size,
        gap=gap,
        side=side,
        head=max((_block(label, size, pitch)[1] for label in page.columns if label), default=0) + gap // 2,
        foot=max((_block(text, _caption_size(size), pitch)[1] for text in captions if text), default=0),
        title=_block(page.title, size + 2, sheet - 2 * gap)[1] + 2 * gap if page.title else gap,
        width=sheet,
    )


def _cell_size(page: Page) -> tuple[int, int]:
    sizes = [_size(source) for row in page.cells for source in row if source is not None] or [(64, 64)]
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def _size(source: Source) -> tuple[int, int]:
    """Return the size of a picture; of a file only the head is read."""
    if isinstance(source, Image.Image):
        return source.size
    with Image.open(source) as image:
        return image.size


def _caption_size(size: int) -> int:
    return max(SMALLEST, round(size * 0.8))


def _narrowest(labels: Sequence[str], size: int) -> int:
    """Return the width at which no short word of the labels is broken inside (long words may be)."""
    words = [(atom.strip(), label) for label in labels for atom in atoms(label)]
    return max((min(width(word, font_for(label, size)), 9 * size) for word, label in words if word), default=1)


def _block(text: str, size: int, limit: int) -> tuple[int, int]:
    font = font_for(text, size)
    lines = wrap(text, font, limit)
    return max(width(line, font) for line in lines), len(lines) * line_height(font)


def _text(
    draw: ImageDraw.ImageDraw,
    text: str,
    box: tuple[int, int, int, int],
    size: int,
    color: str,
    *,
    centred: bool = False,
    middle: bool = False,
) -> None:
    """Write `text` into box (left, top, width, height), wrapped; the box was measured to hold it."""
    font: Font = font_for(text, size)
    lines, step = wrap(text, font, box[2]), line_height(font)
    top = box[1] + (max(0, box[3] - len(lines) * step) // 2 if middle else 0)
    for number, line in enumerate(lines):
        left = box[0] + (max(0, box[2] - width(line, font)) // 2 if centred else 0)
        draw.text((left, top + number * step), line, font=font, fill=color)


def _paste(sheet: Image.Image, source: Source | None, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    left, top = corner
    if source is None:
        sheet.paste(_EMPTY, (left, top, left + cell[0], top + cell[1]))
        return
    image = source if isinstance(source, Image.Image) else read_image(source)
    scale = min(cell[0] / image.width, cell[1] / image.height, 1.0)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(small, (left + (cell[0] - size[0]) // 2, top + (cell[1] - size[1]) // 2))

import gc
import weakref
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from lib_lbw.analysis import grid
from lib_lbw.analysis.files import read_image
from lib_lbw.analysis.grid import Page, compose

labels = st.text(alphabet="abWIN0159 -_,.層階ブ", max_size=30)
BLUE = (10, 20, 250)


def page(title="", rows=("r",), columns=("c",), size=(64, 64), captions=None):
    picture = Image.new("RGB", size, BLUE)
    cells = tuple(tuple(picture for _ in columns) for _ in rows)
    written = () if captions is None else tuple(tuple(captions for _ in columns) for _ in rows)
    return Page(title, rows, columns, cells, written)


@contextmanager
def text_boxes():
    """Collect the box of every piece of text that is drawn."""
    boxes = []
    real = ImageDraw.ImageDraw.text

    def text(self, xy, text, *args, **kwargs):
        if text:
            boxes.append(ImageDraw.ImageDraw.textbbox(self, xy, text, font=kwargs["font"]))
        real(self, xy, text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageDraw.ImageDraw, "text", text)
        yield boxes


def check_boxes(boxes, sheet):
    for index, box in enumerate(boxes):
        assert 0 <= box[0] <= box[2] <= sheet.width
        assert 0 <= box[1] <= box[3] <= sheet.height
        for other in boxes[:index]:
            assert not overlap(box, other)


def overlap(one, two):
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def blue_box(sheet):
    rows, columns = np.nonzero((np.asarray(sheet) == BLUE).all(axis=-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_label_is_clipped_or_lies_on_a_picture_at_any_cell_size(data):
    side = data.draw(st.sampled_from([1, 16, 64, 97, 300]))
    one = page(data.draw(labels), (data.draw(labels),), (data.draw(labels),), (side, side), data.draw(labels))
    with text_boxes() as boxes:
        sheet = compose([one])
    picture = blue_box(sheet)
    assert (picture[2] - picture[0], picture[3] - picture[1]) == (side, side)
    check_boxes(boxes, sheet)
    assert not any(overlap(box, picture) for box in boxes)


@pytest.mark.parametrize("side", [64, 512])
def test_rows_and_columns_of_labels_keep_apart(side):
    names = ("IN01-IN08,IN05-OUT05", "NOT OUT03-OUT11", "ブロックの効果を調べる")
    with text_boxes() as boxes:
        sheet = compose([page("水彩 painter", names, names, (side, side), "Diff 12.3 %")])
    check_boxes(boxes, sheet)
    assert len(boxes) >= 1 + 3 + 3 + 9


def test_pictures_keep_their_pixels():
    noise = Image.fromarray(np.random.default_rng(0).integers(1, 255, (40, 30, 3), dtype=np.uint8))
    sheet = np.asarray(compose([Page("", ("",), ("",), ((noise,),))]))
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (40, 30, 3)).reshape(-1, 40, 30, 3)
    assert (windows == np.asarray(noise)).all(axis=(1, 2, 3)).any()


def test_missing_pictures_leave_their_place_empty():
    full = page(rows=("a", "b"))
    gap = Page("", full.rows, full.columns, ((None,), full.cells[1]))
    assert compose([gap]).size == compose([full]).size
    assert blue_box(compose([gap]))[1] > blue_box(compose([full]))[1]


def test_transposing_changes_rows_and_columns_over():
    one = page(rows=("a", "b", "c"), columns=("x", "y"), captions="t")
    assert one.transposed().rows == one.columns
    assert len(one.transposed().cells) == 2
    assert one.transposed().transposed() == one


def test_of_the_cells_one_picture_at_a_time_is_open(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.new("RGB", (64, 64), BLUE).save(path)
    opened = []

    def read(path):
        gc.collect()
        assert [each for each in opened if each() is not None] == []
        image = read_image(path)
        opened.append(weakref.ref(image))
        return image

    monkeypatch.setattr(grid, "read_image", read)
    pages = [
        Page("", ("a",), ("x", "y", "z"), (tuple(paths[:3]),)),
        Page("", ("a",), ("x", "y", "z"), (tuple(paths[3:]),)),
    ]
    images = [replace(one, cells=(tuple(read_image(path) for path in one.cells[0]),)) for one in pages]
    assert compose(pages).tobytes() == compose(images).tobytes()
    assert len(opened) == 6


def test_pages_stand_one_above_the_other():
    one = page(rows=("a",), columns=("x", "y"))
    assert compose([one, one]).height == 2 * compose([one]).height


def test_a_sheet_too_large_is_made_smaller_and_stays_readable():
    pages = [page("title", tuple("abcd"), tuple("wxyz"), (400, 400))]
    small = compose(pages, max_pixels=200_000)
    assert small.width * small.height < 600_000
    assert small.height < compose(pages).height / 2


def test_cells_of_different_size_are_centred_in_the_largest():
    pages = [Page("", ("",), ("a", "b"), ((Image.new("RGB", (64, 64)), Image.new("RGB", (20, 20), BLUE)),))]
    box = blue_box(compose(pages))
    assert (box[2] - box[0], box[3] - box[1]) == (20, 20)

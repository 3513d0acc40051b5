"""The calls of the reference's documentation for programs, word for word: every picture has the weights it must have.

Weights are written out here as that documentation explains them, and drawn by the prompt alone to compare with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.webui.client import SIZE, Answer, WebUI, encoded, same

TITLE = "LoRA Block Weight"
BLOCKS = ("BASE", "IN01", "IN02", "IN04", "IN05", "IN07", "IN08", "M00", *(f"OUT{n:02d}" for n in range(3, 12)))
"""The 17 of the documentation's table."""
MY = "MYSETS:1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\nYOURSETS:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1"
XYZ = "XYZ:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
README_PLOT = [XYZ, True, 1, "seed", "-1,-1", *[""] * 12]
README_BLOCKS = [XYZ, True, 2, *[""] * 6, "0,1", "17ALL", 1, "white", 20, True, "", ""]
Weights = Mapping[str, float]


def with_presets(*arguments: Any, title: str = TITLE) -> dict[str, Any]:
    return {"alwayson_scripts": {title: {"args": list(arguments)}}}


def plot(*arguments: Any, presets: str = XYZ, more: Sequence[Any] = ()) -> dict[str, Any]:
    """The fields of a plot: types and values of the axes, and what stands at the end."""
    given = [presets, True, 1, *arguments]
    return {"script_name": TITLE, "script_args": [*given, *[""] * (15 - len(given)), *(more or ["", ""])]}


def ones(**changed: float) -> Weights:
    return {**dict.fromkeys(BLOCKS, 1.0), **changed}


def zeros(**changed: float) -> Weights:
    return {**dict.fromkeys(BLOCKS, 0.0), **changed}


def span(first: str, last: str, weight: float) -> dict[str, float]:
    """The blocks of the table from one to another, at one weight."""
    return dict.fromkeys(BLOCKS[BLOCKS.index(first) : BLOCKS.index(last) + 1], weight)


def tag(lora: str, weights: Weights) -> str:
    return f"<lora:{lora}:1:lbw={','.join(f'{weights[block]:g}' for block in BLOCKS)}>"


def drawn(webui: WebUI, lora: str, weights: Weights, **fields: Any) -> np.ndarray:
    return webui.draw(f"myprompt, {tag(lora, weights)}", **fields).picture


def places(grid: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Where a picture stands in a grid, pixel by pixel: corners (y, x)."""
    height, width = picture.shape[:2]
    corners = np.argwhere((grid == picture[0, 0]).all(axis=-1))
    return [(int(y), int(x)) for y, x in corners if same(grid[y : y + height, x : x + width], picture)]


def assert_table(grid: np.ndarray, rows: Sequence[Sequence[np.ndarray]]) -> None:
    """Every picture stands in the grid, right of those before it and below those above it."""
    corners = [[places(grid, picture) for picture in row] for row in rows]
    assert all(corners for row in corners for corners in row), "a picture is missing, or has other weights"
    tops = sorted({y for row in corners for found in row for y, _ in found})
    lefts = sorted({x for row in corners for found in row for _, x in found})
    assert (len(tops), len(lefts)) == (len(rows), len(rows[0]))
    assert all((tops[y], lefts[x]) in corners[y][x] for y in range(len(tops)) for x in range(len(lefts)))


@pytest.mark.parametrize(
    "fields",
    [
        with_presets(MY, True, 1, *[""] * 14),  # word for word
        with_presets(MY, True, 0, *[""] * 15),
        with_presets(MY, True, 0, *[None] * 15),
        with_presets(MY, True),
        with_presets(MY),
        with_presets(f"# mine\nno line of ours\nSHORT:1,0,1\n\n{MY}", True),
        with_presets(MY, True, title=TITLE.lower()),
    ],
)
def test_presets_of_a_request_count_for_it_alone(webui: WebUI, plain: str, fields: dict[str, Any]) -> None:
    mine, yours = zeros(BASE=1, IN01=1), zeros(OUT10=1, OUT11=1)
    assert same(webui.draw(f"myprompt, <lora:{plain}:1:MYSETS>", **fields).picture, drawn(webui, plain, mine))
    assert same(webui.draw(f"myprompt, <lora:{plain}:1:1:lbw=YOURSETS>", **fields).picture, drawn(webui, plain, yours))
    with pytest.raises(Exception, match="MYSETS"):
        webui.draw(f"myprompt, <lora:{plain}:1:MYSETS>")


def test_x_and_elements_of_a_request(webui: WebUI, plain: str) -> None:
    presets = "ROUT:X,1,1,1,1,1,1,1,1,1,1,1,X,X,X,X,X"
    for weight in (0.7, 0.2):  # edited from picture to picture
        answer = webui.draw(f"myprompt, <lora:{plain}:1:lbw=ROUT:x={weight}>", **with_presets(presets, True))
        expected = ones(BASE=weight, **span("OUT07", "OUT11", weight))
        assert same(answer.picture, drawn(webui, plain, expected))
    elements = "ATTNON:IN05-OUT04:attn:0.8\n\nOTHER:::0"
    answer = webui.draw(
        f"myprompt, <lora:{plain}:1:lbw=MIDD:lbwe=ATTNON>",
        **with_presets("", True, 0, *[""] * 12, elements, False, False),
    )
    assert same(answer.picture, webui.draw(f"myprompt, <lora:{plain}:1:lbw=MIDD,IN05-OUT04.attn@0.8>").picture)


@pytest.mark.parametrize("legacy", [":XYZ", ":1:lbw=XYZ"])
@pytest.mark.parametrize("more", [[], [""], ["", "", "", ""]])
def test_the_plot_of_the_documentation(webui: WebUI, plain: str, legacy: str, more: list[str]) -> None:
    arguments = [*README_PLOT, *more]
    prompt = f"myprompt, <lora:{plain}:1{legacy}>"
    answer = webui.draw(prompt, script_name=TITLE, script_args=arguments)
    seeds = sorted(set(answer.info["all_seeds"]) | {seed_of(text) for text in answer.info["infotexts"]})
    pictures = [drawn(webui, plain, ones(), seed=seed) for seed in seeds]
    inside = [picture for picture in pictures if places(answer.picture, picture)]
    assert len(inside) == 2
    assert not same(*inside)


def seed_of(infotext: str) -> int:
    return int(infotext.rpartition("Seed: ")[2].split(",")[0])


def test_values_and_blocks(webui: WebUI, plain: str) -> None:
    blocks = {"BASE": {"BASE"}, "IN01-IN08": {*span("IN01", "IN08", 0)}, "OUT03 OUT05": {"OUT03", "OUT05"},
              "NOT OUT03-OUT11": {*span("BASE", "M00", 0)}}  # fmt: skip
    fields = plot("values", "0.25,0", "Block ID", ",".join(blocks))
    answer = webui.draw(f"myprompt, <lora:{plain}:1:XYZ>", **fields)
    rows = [
        [drawn(webui, plain, ones(**dict.fromkeys(changed, value))) for value in (0.25, 0.0)]
        for changed in blocks.values()
    ]
    assert_table(answer.picture, rows)


def test_a_grid_for_each_value_of_z(webui: WebUI, plain: str) -> None:
    presets = f"{XYZ}\nNONE:{','.join('0' * 17)}\nALL0.5:{','.join(['0.5'] * 17)}"
    starts = {"NONE": 0.0, "ALL0.5": 0.5}
    fields = plot("Block ID", "OUT04,OUT05", "values", "1,0.25", "Original Weights", ",".join(starts), presets=presets)
    answer = webui.draw(f"myprompt, <lora:{plain}:1:XYZ>", **fields)
    for grid, start in zip(answer.pictures, starts.values(), strict=False):
        base = dict.fromkeys(BLOCKS, start)
        assert_table(grid, [[drawn(webui, plain, {**base, block: value}) for block in ("OUT04", "OUT05")]
                            for value in (1.0, 0.25)])  # fmt: skip


def test_seeds_along_z(webui: WebUI, plain: str) -> None:
    answer = webui.draw(
        f"myprompt, <lora:{plain}:1:XYZ>", **plot("values", "0,0.5", "Block ID", "OUT05", "seed", "3,4")
    )
    for grid, seed in zip(answer.pictures, (3, 4), strict=False):
        assert_table(grid, [[drawn(webui, plain, ones(OUT05=value), seed=seed) for value in (0.0, 0.5)]])


def test_original_weights_on_two_axes_are_combined(webui: WebUI, plain: str) -> None:
    """The documentation's example: vectors of 12, on a model of SD1 too."""
    sets = {"INS": "1,1,1,0,0,0,0,0,0,0,0,0", "MID": "1,0,0,0,0,1,0,0,0,0,0,0", "OUTD": "1,0,0,0,0,0,1,1,1,0,0,0"}
    on = {"INS": {"IN04", "IN05"}, "MID": {"M00"}, "OUTD": set[str]()}  # OUT00-OUT02 hold no attention in SD1
    presets = "\n".join([XYZ, *(f"{name}:{weights}" for name, weights in sets.items())])
    names = ",".join(sets)
    fields = plot("Original Weights", names, "Original Weights", names, presets=presets)
    answer = webui.draw(f"myprompt, <lora:{plain}:1:XYZ>", **fields)
    found = {
        (x, y): drawn(webui, plain, zeros(BASE=1, **dict.fromkeys(on[x] | on[y], 1.0))) for x in sets for y in sets
    }
    assert all(places(answer.picture, picture) for picture in found.values())
    assert same(found["INS", "MID"], found["MID", "INS"])


def test_elements_along_an_axis(webui: WebUI, plain: str) -> None:
    elements = "IN05-OUT05:attn:0,IN05-OUT05:attn:0.5"
    fields = plot("elements", elements, more=["XYZ:::1", False, False])
    answer = webui.draw(f"myprompt, <lora:{plain}:1:lbw=XYZ:lbwe=XYZ>", **fields)
    expected = [webui.draw(f"myprompt, <lora:{plain}:1:lbw=1,IN05-OUT05.attn@{weight}>").picture for weight in (0, 0.5)]
    assert_table(answer.picture, [expected])


def test_a_second_lora_may_mirror_the_first(webui: WebUI, plain: str, unet_only: str) -> None:
    prompt = f"myprompt, <lora:{plain}:1:1:lbw=XYZ> <lora:{unet_only}:1:1:lbw=ZYX>"
    answer = webui.draw(prompt, **plot("values", "0,0.5", "Block ID", "IN05,OUT05"))

    def both(block: str, value: float) -> np.ndarray:
        weights = ones(**{block: value})
        mirrored = {name: 1 - weight for name, weight in weights.items()}
        return webui.draw(f"myprompt, {tag(plain, weights)} {tag(unet_only, mirrored)}").picture

    assert_table(answer.picture, [[both(block, value) for value in (0, 0.5)] for block in ("IN05", "OUT05")])


@pytest.mark.parametrize("more", [[], [""], ["", "", ""]])
def test_the_analyzer_of_the_documentation(webui: WebUI, plain: str, more: list[str]) -> None:
    answer = webui.draw(f"myprompt, <lora:{plain}:1:XYZ>", script_name=TITLE, script_args=[*README_BLOCKS, *more])
    row = [drawn(webui, plain, ones(**{block: 0})) for block in BLOCKS]
    assert_table(answer.picture, [[webui.draw("myprompt,").picture, drawn(webui, plain, ones()), *row]])


def test_the_range_weighs_all_blocks_whatever_xyz_is(webui: WebUI, plain: str) -> None:
    arguments = [
        "XYZ:" + ",".join("0" * 17),
        True,
        2,
        *[""] * 6,
        "0.25,0.5",
        "BASE,IN05 OUT05",
        1,
        "black",
        "20",
        False,
    ]
    answer = analysed(webui, plain, [*arguments, "", "", ""])
    halves = dict.fromkeys(BLOCKS, 0.5)
    cells = [halves, {**halves, "BASE": 0.25}, {**halves, "IN05": 0.25, "OUT05": 0.25}]
    column = [[drawn(webui, plain, weights)] for weights in cells]
    assert_table(answer.picture, [[webui.draw("myprompt,").picture], *column])


def test_a_number_of_seeds_gives_that_many_grids(webui: WebUI, plain: str) -> None:
    answer = analysed(webui, plain, [XYZ, True, 2, *[""] * 6, "0,1", "IN05,OUT05", 2, "white", 20, True, "", ""])
    seeds = dict.fromkeys(seed_of(text) for text in answer.info["infotexts"])
    assert len(seeds) == 2
    for grid, seed in zip(answer.pictures, seeds, strict=False):
        row = [drawn(webui, plain, ones(**{block: 0}), seed=seed) for block in ("IN05", "OUT05")]
        assert all(places(grid, picture) for picture in row)


def analysed(webui: WebUI, lora: str, arguments: list[Any]) -> Answer:
    return webui.draw(f"myprompt, <lora:{lora}:1:XYZ>", script_name=TITLE, script_args=arguments)


def test_all_of_it_in_img2img(webui: WebUI, plain: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    fields: dict[str, Any] = {"init_images": [encoded(picture)], "denoising_strength": 0.9, "steps": 3}
    webui.draw("myprompt,", "img2img", **fields)  # the first one after a batch differs on some hosts, LoRA or not
    prompt = f"myprompt, <lora:{plain}:1:XYZ>"
    answer = webui.draw(prompt, "img2img", **fields, **plot("values", "0,1", "Block ID", "BASE,OUT05"))
    assert_table(
        answer.picture,
        [[webui.draw(f"myprompt, {tag(plain, ones(**{block: value}))}", "img2img", **fields).picture
          for value in (0.0, 1.0)] for block in ("BASE", "OUT05")],
    )  # fmt: skip
    presets = webui.draw(f"myprompt, <lora:{plain}:1:MYSETS>", "img2img", **fields, **with_presets(MY, True, 1))
    assert same(
        presets.picture, webui.draw(f"myprompt, {tag(plain, zeros(BASE=1, IN01=1))}", "img2img", **fields).picture
    )

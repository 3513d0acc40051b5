"""X/Y/Z plots from the form to the page, and what an earlier analysis tells when it is opened again."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib_lbw.analysis.axes import KINDS, NO_AXIS, Axis
from lib_lbw.analysis.journal import read_plan
from lib_lbw.analysis.results import Results
from lib_lbw.analysis.run import read_results
from lib_lbw.errors import LbwError
from lib_lbw.ui.analysis_events import AnalysisEvents
from lib_lbw.ui.analysis_form import PLOT, FormFields, shown_fields
from lib_lbw.ui.analyze import analyze, describe, plan_of
from lib_lbw.ui.axis_fields import EXAMPLES, AxisFields, values_update
from lib_lbw.ui.form import Form
from lib_lbw.ui.generate import Drawn, generate
from lib_lbw.ui.i18n import english
from lib_lbw.ui.outcome import row_name
from lib_lbw.ui.workbench import Workbench
from lib_lbw.weights.notice import Notice

VALUES = Axis("values", "0,0.5")
BLOCKS = Axis("Block ID", "IN01,OUT11")
LACKS = "the model lacks a module"


def form(bench: Workbench, *axes: Axis, **changes: object) -> Form:
    x, y, z = (*axes, *[NO_AXIS] * 3)[:3]
    first = Form("a girl <lora:inkstyle:1>", None, "no block", "no range", "", False, 20, bench.session.host.defaults)
    return replace(first, axes=(x, y, z), **changes)  # type: ignore[arg-type]


def run(bench: Workbench, asked: Form, folder: Path) -> Results:
    *_, last = analyze(bench, "me", plan_of(bench, asked), folder)
    assert isinstance(last, Results)
    return last


def test_a_plot_is_planned_and_counted_and_its_time_is_told(bench: Workbench) -> None:
    plan = plan_of(bench, form(bench, VALUES, BLOCKS, diff_color="white"))
    assert (plan.kind, plan.columns, plan.rows) == ("xyz", ("0", "0.5"), ("IN01", "OUT11"))
    assert plan.diff_color == "white"
    count = len(plan.requests())
    bench.pace.learn(1.0, bench.session.host.defaults, 1)
    assert f"{count} pictures of 16 × 16, 2 steps each: about {count} s" in describe(
        bench, form(bench, VALUES, BLOCKS), english
    )


def test_the_axes_can_be_swapped(bench: Workbench) -> None:
    assert plan_of(bench, form(bench, VALUES, BLOCKS, swap_axes=True)).columns == ("IN01", "OUT11")


@pytest.mark.parametrize(
    ("axes", "changes"),
    [
        ((), {}),
        ((BLOCKS,), {}),
        ((VALUES, VALUES), {}),
        ((VALUES,), {"seeds": "1,2"}),
        ((Axis("seed", "1,2"),), {"seeds": "3"}),
        ((VALUES,), {"diff_color": "blaack"}),
    ],
)
def test_faults_of_a_plot_show_before_anything_is_drawn(
    bench: Workbench, axes: tuple[Axis, ...], changes: dict[str, str]
) -> None:
    with pytest.raises(LbwError):
        plan_of(bench, form(bench, *axes, **changes))
    assert "lbw-error" in describe(bench, form(bench, *axes, **changes), english)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_the_example_of_every_kind_can_be_planned(bench: Workbench, kind: str) -> None:
    other = VALUES if kind == "Block ID" else NO_AXIS
    plan = plan_of(bench, form(bench, Axis(kind, EXAMPLES[kind]), other))
    assert len(plan.columns) >= 1
    assert values_update(kind)["placeholder"] == EXAMPLES[kind]


def test_only_an_axis_that_changes_something_has_values() -> None:
    assert [values_update(kind)["visible"] for kind in ("none", "seed")] == [False, True]


def test_the_switch_shows_the_fields_of_its_choice() -> None:
    assert [each["visible"] for each in shown_fields("blocks")] == [True, True, True, False]
    assert [each["visible"] for each in shown_fields(PLOT)] == [False, False, False, True]


def fields() -> tuple[FormFields, dict[str, Any]]:
    """Fields whose components are their own names, and values for them."""
    axes = tuple(AxisFields(f"kind {name}", f"values {name}") for name in "xyz")
    made = FormFields("mode", "lora", "blocks", "range", "seeds", None, axes, "inverse", "threshold", "swap", "color")
    typed = {"kind x": "values", "values x": "0,1", "kind y": "none", "values y": "", "kind z": "seed", "values z": "1"}
    rest = {"lora": None, "blocks": "ALL", "range": "0,1", "seeds": "", "inverse": False, "threshold": 20}
    return made, {**typed, **rest, "swap": True, "color": "white"}


def test_the_form_reads_the_axes_in_its_mode_only(bench: Workbench) -> None:
    made, typed = fields()
    read = made.read({**typed, "mode": PLOT}, "p", bench.session.host.defaults)
    assert read.axes == (Axis("values", "0,1"), NO_AXIS, Axis("seed", "1"))
    assert (read.swap_axes, read.diff_color) == (True, "white")
    assert made.read({**typed, "mode": "blocks"}, "p", bench.session.host.defaults).axes is None
    assert set(typed) | {"mode"} == set(made.all)


def test_rows_of_a_plot_of_seeds_have_names(bench: Workbench, tmp_path: Path) -> None:
    shown = run(bench, form(bench, Axis("seed", "4,5")), tmp_path / "a")
    assert all(row_name(shown, row) for row in shown.rows)


def told(plans: object) -> tuple[Notice, ...]:
    return (Notice.of(LACKS),)


def test_an_earlier_analysis_opens_as_it_was_written_with_its_notices(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.session.host, "notices", told)
    folder = bench.results / "20260101-000000-inkstyle"
    run(bench, form(bench, VALUES), folder)
    written = (folder / "results.json").stat().st_mtime_ns
    nothing_but: Any = SimpleNamespace()
    events = AnalysisEvents(bench, nothing_but, nothing_but, nothing_but)
    box, go_on, grid, diff_grid, files = events.open(folder.name)
    assert [box["visible"], go_on["visible"]] == [True, False]
    assert all(Path(file).parent == folder for file in (grid, diff_grid, *files))
    assert [each["visible"] for each in events.open("../secret")[:2]] == [False, False]
    assert (folder / "results.json").stat().st_mtime_ns == written
    assert read_plan(folder).kind == read_results(folder).plan.kind == "xyz"


def test_a_generation_brings_its_notices(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.session.host, "notices", told)
    *_, last = generate(bench, "me", "<lora:inkstyle:1:dyn=4>", bench.session.host.defaults, False)
    assert isinstance(last, Drawn)
    texts = [str(notice) for notice in last.notices]
    assert texts[-1] == LACKS
    assert any("dyn=4" in text for text in texts)

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

import lib_lbw.ui
from lib_lbw.hosts.session import Session
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui import scripts
from lib_lbw.ui.analysis_job import AnalysisJob
from lib_lbw.ui.analyze import plan_of
from lib_lbw.ui.app import build
from lib_lbw.ui.compat import element_id
from lib_lbw.ui.form import Form
from lib_lbw.ui.i18n import english, translator
from lib_lbw.ui.labels import Labels
from lib_lbw.ui.opening import first_prompt, warm_up
from lib_lbw.ui.prompt_events import opening_language
from lib_lbw.ui.results_view import VIEWS
from lib_lbw.ui.switches import switched
from lib_lbw.ui.workbench import Workbench

CSS = scripts.style() + (Path(lib_lbw.ui.__file__).parent / "style.css").read_text(encoding="utf-8")
#: Components that a page needs no word on: they show what others ask for.
SILENT = {"html", "state", "row", "column", "tabs", "form", "dataframe", "gallery"}


def built(session: Session, results: Path) -> tuple[gr.Blocks, dict[str, Any]]:
    """Build the page inside a running loop: outside of one, gradio opens loops that it never closes."""

    async def body() -> tuple[gr.Blocks, dict[str, Any]]:
        return build(Workbench(session, results, PresetStore(results), results), first_prompt(session))

    return asyncio.run(body())


@pytest.fixture
def page(session: Session, tmp_path: Path) -> gr.Blocks:
    return built(session, tmp_path)[0]


def silent_progress(*_: object, **__: object) -> None: ...


def test_every_id_begins_with_ours_and_is_used_once(page: gr.Blocks) -> None:
    ids = [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]
    assert ids
    assert all(each.startswith("lbw-") for each in ids)
    assert len(ids) == len(set(ids))


def test_every_component_that_shows_a_label_has_one(page: gr.Blocks) -> None:
    for block in page.blocks.values():
        if block.get_block_name() not in SILENT and getattr(block, "show_label", None) is not False:
            assert getattr(block, "label", None) or getattr(block, "value", None), block


def test_the_style_sheet_touches_nothing_of_others() -> None:
    rules = re.sub(r"/\*.*?\*/|@media[^{]*\{|\{[^{}]*\}", "\n", CSS, flags=re.DOTALL)
    selectors = [each.strip() for line in rules.splitlines() for each in re.split(r",(?![^(]*\))", line)]
    written = [each for each in selectors if each not in ("", "}")]
    assert written
    assert all(each.startswith((".lbw-", "#lbw-")) for each in written)


def test_nothing_is_fetched_from_elsewhere(session: Session, tmp_path: Path) -> None:
    _, keywords = built(session, tmp_path)
    assert "http" not in CSS
    assert "://" not in keywords["head"].replace("http://www.w3.org/2000/svg", "")  # a namespace, not an address
    assert keywords["theme"]._stylesheets == []


def test_labels_change_language_and_keep_their_order() -> None:
    labels = Labels()
    labels.new(gr.Textbox, {"label": "Prompt", "placeholder": "0,1"})
    labels.new(gr.Radio, {"label": "Range", "choices": [("Seed", 1), ("Width", 2)]})
    first, second = labels.updates(translator("ja"))
    assert first["label"] == "プロンプト"
    assert second["choices"] == [("シード", 1), ("幅", 2)]
    assert [type(each) for each in labels.components] == [gr.Textbox, gr.Radio]


@pytest.mark.parametrize(
    ("forced", "address", "browser", "language"),
    [
        (None, None, "ja,en;q=0.5", "ja"),
        (None, "en", "ja", "en"),
        (None, "xx", "ja", "ja"),
        ("en", "ja", "ja", "en"),
        (None, None, "", "en"),
    ],
)
def test_the_page_opens_in_the_right_language(
    bench: Workbench, forced: str | None, address: str | None, browser: str, language: str
) -> None:
    query = {} if address is None else {"lang": address}
    asked: Any = SimpleNamespace(headers={"accept-language": browser}, query_params=query)
    assert (
        opening_language(Workbench(bench.session, bench.results, bench.store, bench.loras, forced), asked) == language
    )


def job(bench: Workbench) -> AnalysisJob:
    progress: Any = silent_progress
    return AnalysisJob(bench, "me", english, progress)


def form(bench: Workbench, blocks: str) -> Form:
    return Form("<lora:inkstyle:1>", None, blocks, "0,1", "", False, 20, bench.session.host.defaults)


def test_every_update_of_an_analysis_fits_the_outputs(bench: Workbench) -> None:
    updates = list(job(bench).new(lambda: plan_of(bench, form(bench, "IN01,MID"))))
    assert {len(update) for update in updates} == {3 + VIEWS}
    status, live, run, box, go_on, grid, diff_grid, files = updates[-1]
    assert go_on["visible"] is False
    assert status == ""
    assert live["visible"] is False
    assert (bench.results / run).is_dir()
    assert box["visible"] is True
    assert Path(grid).parent == Path(diff_grid).parent == bench.results / run
    assert [Path(file).name for file in files] == [
        "report.html", "grid.png", "diff_grid.png", "results.csv", "results.json",
    ]  # fmt: skip
    assert all(Path(file).is_file() for file in files)
    pictures = [update[1]["value"] for update in updates if len(update[1].get("value", [])) > 0]
    assert len(pictures) == 4


def test_a_plan_that_cannot_be_made_is_a_message(bench: Workbench) -> None:
    *_, last = job(bench).new(lambda: plan_of(bench, form(bench, "IN99")))
    assert "IN99" in last[0]
    assert "lbw-error" in last[0]
    assert not list(bench.results.iterdir())


def test_an_analysis_that_is_gone_cannot_be_resumed(bench: Workbench) -> None:
    *_, last = job(bench).resumed("20260101-000000-gone")
    assert "lbw-error" in last[0]


def test_ids_are_prefixed() -> None:
    assert element_id("prompt") == "lbw-prompt"


def test_what_begins_a_job_is_off_while_one_runs() -> None:
    assert [each["interactive"] for each in switched(True, 2)] == [False, False, True]
    assert [each["interactive"] for each in switched(False, 2)] == [True, True, False]


def test_the_first_time_told_is_measured_on_small_models_only(session: Session, tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    small, large = (
        Workbench(session, tmp_path, store, tmp_path),
        Workbench(Session(session.host), tmp_path, store, tmp_path),
    )
    large.session.settings = replace(session.settings, width=1024, height=1024)
    warm_up(small)
    warm_up(large)
    assert small.pace.expect(session.settings, 1) is not None
    assert large.pace.expect(session.settings, 1) is None

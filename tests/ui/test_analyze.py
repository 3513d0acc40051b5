from dataclasses import replace
from pathlib import Path

import pytest

from lib_lbw.analysis.journal import read_plan
from lib_lbw.analysis.results import Results
from lib_lbw.analysis.run import Progress
from lib_lbw.errors import AnalysisError, LbwError
from lib_lbw.ui.analyze import Step, analyze, describe, plan_of
from lib_lbw.ui.form import Form
from lib_lbw.ui.i18n import english, translator
from lib_lbw.ui.outcome import summary
from lib_lbw.ui.workbench import Workbench
from lib_lbw.weights.notice import Notice

TWO = "a girl <lora:inkstyle:1> <lora:goldhair:1>"


def form(bench: Workbench, **changes: object) -> Form:
    first = Form("a girl <lora:inkstyle:1>", None, "IN01,MID,OUT11", "0,1", "", False, 20, bench.session.host.defaults)
    return replace(first, **changes)  # type: ignore[arg-type]


def run(bench: Workbench, asked: Form, folder: Path) -> Results:
    *_, last = analyze(bench, "me", plan_of(bench, asked), folder)
    assert isinstance(last, Results)
    return last


def test_the_plan_takes_the_seed_of_the_picture_unless_seeds_are_given(bench: Workbench) -> None:
    assert {cell.seed for cell in plan_of(bench, form(bench)).cells} == {1}
    assert {cell.seed for cell in plan_of(bench, form(bench, seeds="4,5")).cells} == {4, 5}


def test_all_means_every_block_of_the_file(bench: Workbench) -> None:
    plan = plan_of(bench, form(bench, blocks="ALL"))
    assert len(plan.rows) == 2 + len(bench.present("inkstyle") or ())


def test_of_several_loras_the_chosen_one_is_analysed(bench: Workbench) -> None:
    assert plan_of(bench, form(bench, prompt=TWO, lora="goldhair")).lora == "goldhair"
    with pytest.raises(AnalysisError):
        plan_of(bench, form(bench, prompt=TWO))


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "a girl"},
        {"prompt": "<lora:nosuch:1>"},
        {"prompt": "<lora:inkstyle:1:lbw=TYPO>"},
        {"blocks": "IN99"},
        {"range": "0"},
        {"seeds": "x"},
    ],
)
def test_faults_show_in_the_description_before_anything_is_drawn(bench: Workbench, wrong: dict[str, str]) -> None:
    with pytest.raises(LbwError):
        plan_of(bench, form(bench, **wrong))
    assert "lbw-error" in describe(bench, form(bench, **wrong), english)


def test_the_description_counts_pictures_and_tells_the_time_once_known(bench: Workbench) -> None:
    assert "5 pictures of 16 × 16, 2 steps each" in describe(bench, form(bench), english)
    bench.pace.learn(3.0, bench.session.host.defaults, 1)
    assert "about 15 s" in describe(bench, form(bench), english)
    assert "約 15 秒" in describe(bench, form(bench), translator("ja"))


def test_events_are_steps_pictures_and_last_the_results(bench: Workbench, tmp_path: Path) -> None:
    events = list(analyze(bench, "me", plan_of(bench, form(bench)), tmp_path / "a"))
    shares = [event.share for event in events if isinstance(event, Step)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [event.done for event in events if isinstance(event, Progress)] == [0, 1, 2, 3, 4, 5]
    assert isinstance(events[-1], Results)
    assert events[-1].complete


def test_settings_of_the_picture_are_those_of_the_plan(bench: Workbench, tmp_path: Path) -> None:
    larger = replace(bench.session.host.defaults, width=32, height=24)
    images = [
        event.image.size
        for event in analyze(bench, "me", plan_of(bench, form(bench, picture=larger)), tmp_path / "a")
        if isinstance(event, Progress) and event.image is not None
    ]
    assert set(images) == {(32, 24)}


def test_a_stopped_analysis_shows_what_there_is_and_goes_on(slow_bench: Workbench, tmp_path: Path) -> None:
    bench, folder, results = slow_bench, tmp_path / "a", []
    for event in analyze(bench, "me", plan_of(bench, form(bench, seeds="1-6")), folder):
        if isinstance(event, Progress) and event.done == 2:
            bench.desk.stop("me")
        if isinstance(event, Results):
            results.append(event)
    stopped = results[0]
    drawn = sum(cell.file is not None for cell in stopped.cells)
    assert not stopped.complete
    assert 2 <= drawn < len(stopped.cells) == 30
    assert f"{drawn} of 30" in summary(stopped, english)
    events = list(analyze(bench, "me", read_plan(folder), folder))
    first = next(event for event in events if isinstance(event, Progress))
    assert first.done == drawn
    assert isinstance(events[-1], Results)
    assert events[-1].complete


def test_an_analysis_goes_on_with_the_pictures_of_its_own_model_only(bench: Workbench, tmp_path: Path) -> None:
    made = plan_of(bench, form(bench))

    def begins_at() -> int:
        events = analyze(bench, "me", made, tmp_path / "a")
        done = [event.done for event in events if isinstance(event, Progress)]
        return done[0]

    assert [begins_at(), begins_at()] == [0, 5]
    bench.session.host.model = "another"  # type: ignore[misc]
    assert begins_at() == 0


def test_what_the_model_lacks_is_in_the_results(bench: Workbench, tmp_path: Path) -> None:
    bench.session.host.notices = lambda plans: (Notice.of("the model lacks a module"),)  # type: ignore[method-assign]
    assert "the model lacks a module" in run(bench, form(bench), tmp_path / "a").notices


def test_the_sentence_names_the_strongest_blocks(bench: Workbench, tmp_path: Path) -> None:
    results = run(bench, form(bench, threshold=0), tmp_path / "a")
    strongest = results.ranked()[0]
    percent = strongest.numbers["diff_percent"].median
    assert percent > 0
    assert f": {strongest.label} ({percent:.3g} %)" in summary(results, english)
    assert strongest.label in summary(results, translator("ja"))

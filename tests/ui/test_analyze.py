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
from lib_lbw.ui.outcome import NUMBERS, Outcome, block_numbers, captioned, outcome, summary, table
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


@pytest.fixture
def shown(bench: Workbench, tmp_path: Path) -> Outcome:
    return outcome(run(bench, form(bench), tmp_path / "a"), bench.present("inkstyle"))


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
    stopped = outcome(results[0], None)
    assert not stopped.complete
    assert 2 <= stopped.drawn < stopped.count == 30
    assert "Continue" in summary(stopped, english)
    events = list(analyze(bench, "me", read_plan(folder), folder))
    first = next(event for event in events if isinstance(event, Progress))
    assert first.done == stopped.drawn
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


def test_rows_are_the_changed_blocks_strongest_first(shown: Outcome) -> None:
    assert {label for label, _ in shown.rows} == {"IN01", "MID", "OUT11"}
    strengths = [numbers["diff_percent"] for _, numbers in shown.rows]
    assert strengths == sorted(strengths, reverse=True)


def test_the_table_has_a_heading_for_every_number_in_both_languages(shown: Outcome) -> None:
    for language in ("en", "ja"):
        made = table(shown, translator(language))
        assert {len(row) for row in made["data"]} == {len(made["headers"])}  # type: ignore[arg-type]
        assert len(made["headers"]) == 1 + len(NUMBERS)
    assert table(shown, translator("ja"))["headers"][0] == "ブロック"


def test_the_diagram_takes_the_blocks_of_the_family(bench: Workbench, shown: Outcome) -> None:
    family = bench.session.host.family
    numbers = block_numbers(shown, "color_difference", family)
    assert set(numbers) == {"IN01", "MID", "OUT11"}
    assert numbers["OUT11"] > numbers["IN01"]


def test_every_changed_picture_is_followed_by_its_difference(shown: Outcome) -> None:
    captions = [caption for _, caption in captioned(shown, english)]
    strongest = shown.rows[0][0]
    assert captions[:3] == ["no LoRA", "all at 1", strongest]
    assert captions[3].startswith(f"{strongest}: ")
    assert captions[3].endswith("% changed")
    assert len(captions) == 2 + 2 * 3
    assert all(Path(file).is_file() for file, _ in captioned(shown, english))


def test_the_files_are_there(shown: Outcome) -> None:
    assert [Path(file).name for file in shown.files] == [
        "report.html",
        "grid.png",
        "diff_grid.png",
        "results.csv",
        "results.json",
    ]
    assert all(Path(file).is_file() for file in (*shown.files, shown.grid, shown.diff_grid))

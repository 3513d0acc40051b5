from dataclasses import replace

import pytest

from lib_lbw.errors import DirectiveError
from lib_lbw.ui.generate import Drawn, generate
from lib_lbw.ui.workbench import Workbench

PROMPT = "a girl <lora:inkstyle:1:lbw=OUTALL>"


def drawn(bench: Workbench, prompt: str, compare: bool) -> list[float | Drawn]:
    return list(generate(bench, "me", prompt, bench.session.host.defaults, compare))


def test_both_pictures_come_with_rising_progress(bench: Workbench) -> None:
    events = drawn(bench, PROMPT, True)
    shares = [event for event in events if isinstance(event, float)]
    pictures = [event for event in events if isinstance(event, Drawn)]
    assert shares == [0.25, 0.5, 0.75, 1.0]
    assert [(each.plain is not None, each.weighted is not None) for each in pictures] == [(True, False), (True, True)]
    last = pictures[-1]
    assert last.plain is not None
    assert last.weighted is not None
    assert last.plain.tobytes() != last.weighted.tobytes()
    assert "Steps: 2" in last.parameters


@pytest.mark.parametrize(("prompt", "compare"), [(PROMPT, False), ("a girl", True)])
def test_one_picture_when_there_is_nothing_to_compare(bench: Workbench, prompt: str, compare: bool) -> None:
    pictures = [event for event in drawn(bench, prompt, compare) if isinstance(event, Drawn)]
    assert [each.plain for each in pictures] == [None]


def test_a_wrong_prompt_draws_nothing(bench: Workbench) -> None:
    with pytest.raises(DirectiveError):
        drawn(bench, "<lora:inkstyle:1:lbw=TYPO>", True)


def test_a_stop_keeps_the_finished_picture(slow_bench: Workbench) -> None:
    bench = slow_bench
    picture = replace(bench.session.host.defaults, steps=30)
    kept: list[Drawn] = []
    for event in generate(bench, "me", PROMPT, picture, True):
        if isinstance(event, Drawn):
            kept.append(event)
            bench.desk.stop("me")
    assert len(kept) == 1
    assert kept[0].weighted is None


def test_the_pace_is_learnt(bench: Workbench) -> None:
    picture = bench.session.host.defaults
    assert bench.pace.expect(picture, 10) is None
    drawn(bench, PROMPT, True)
    assert bench.pace.expect(picture, 10) is not None

from lib_lbw.errors import DirectiveError
from lib_lbw.hosts.session import Session
from lib_lbw.ui.reading import read_prompt

PROMPT = "a girl <lora:inkstyle:1:lbw=ALL> and <lora:nosuch:1> and <lora:goldhair:1:lbw=ALL,QUX@1>"


def test_every_tag_is_read_and_faults_are_collected(session: Session) -> None:
    good, unknown, wrong = read_prompt(session, PROMPT, 0)
    assert good.weights is not None
    assert good.weights.constant == 1.0
    assert good.error is None
    assert isinstance(unknown.error, DirectiveError)
    assert isinstance(wrong.error, DirectiveError)
    assert [tag.name for tag in (good, unknown, wrong)] == ["inkstyle", "nosuch", "goldhair"]


def test_a_fault_has_its_place_in_the_whole_prompt(session: Session) -> None:
    _, _, wrong = read_prompt(session, PROMPT, 0)
    assert isinstance(wrong.error, DirectiveError)
    assert wrong.error.text == "QUX"
    assert PROMPT[wrong.error.position :].startswith("QUX")


def test_tags_know_where_they_stand(session: Session) -> None:
    assert [PROMPT[tag.start : tag.end] for tag in read_prompt(session, PROMPT, 0)] == [
        tag.text for tag in read_prompt(session, PROMPT, 0)
    ]


def test_random_weights_follow_the_seed(session: Session) -> None:
    def weights(seed: int) -> object:
        return read_prompt(session, "<lora:inkstyle:1:lbw=OUT01@R>", seed)[0].weights

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)


def test_a_prompt_without_tags_says_nothing(session: Session) -> None:
    assert read_prompt(session, "a girl, 1 < 2", 0) == ()


def test_a_mark_for_the_analysis_is_no_fault(session: Session) -> None:
    marked, mirror, wrong = read_prompt(
        session, "<lora:karaokeroom:1:lbw=XYZ> <lora:karaokeroom:1:lbw=ZYX> <lora:karaokeroom:1:lbw=XYZZ>", 0
    )
    assert [tag.error is None for tag in (marked, mirror, wrong)] == [True, True, False]
    assert marked.weights is not None
    assert marked.weights.constant == 1.0
    assert "XYZ" in str(marked.notices[-1])
    assert "ZYX" in str(mirror.notices[-1])

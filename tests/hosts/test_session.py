"""The user's door: directives in, pictures and parameter texts out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib_lbw.analysis.generator import Request
from lib_lbw.blocks.family import family
from lib_lbw.errors import DirectiveError, FamilyError, HostError
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.hosts.session import Session

SMALL = Picture("", "dog", seed=3, steps=2, width=64, height=64)


@pytest.fixture(scope="module")
def session(sd1: Any, write_lora: Callable[..., Path]) -> Session:
    files = {"hat": write_lora(sd1, "hat"), "scarf": write_lora(sd1, "scarf", 5, "loha")}
    return Session(DiffusersHost(sd1, family("sd1"), files, model="tiny"), settings=SMALL)


def test_a_prompt_becomes_words_plans_and_weights(session: Session) -> None:
    prepared = session.prepare("a cat <lora:hat:0.5:lbw=MIDD:start=1> <lora:scarf:1:0.8>", 0)
    assert prepared.prompt == "a cat"
    assert [Path(plan.lora).stem for plan in prepared.plans] == ["hat", "scarf"]
    scales = dict(prepared.plans[0].scales)
    assert {scale for module, scale in scales.items() if "mid_block" in module.path} == {0.5}
    assert {scale for module, scale in scales.items() if "down_blocks.0.attentions.0" in module.path} == {0.0}
    assert set(dict(prepared.plans[1].scales).values()) == {1.0, 0.8}


def test_presets_mean_what_they_say(session: Session) -> None:
    made = {tag: np.asarray(session.generate(f"a cat {tag}").image) for tag in ("", *TAGS)}
    assert np.array_equal(made["<lora:hat:1:lbw=NONE>"], made[""])
    assert np.array_equal(made["<lora:hat:1:lbw=ALL>"], made["<lora:hat:1>"])
    assert not np.array_equal(made["<lora:hat:1>"], made[""])


TAGS = ("<lora:hat:1>", "<lora:hat:1:lbw=NONE>", "<lora:hat:1:lbw=ALL>")


def test_the_parameter_text_is_the_webuis(session: Session) -> None:
    result = session.generate("a cat <lora:hat:1:lbw=0,MID@R>", SMALL)
    prompt, negative, last = result.parameters.split("\n")
    assert prompt == "a cat <lora:hat:1:lbw=0,MID@R>"
    assert negative == "Negative prompt: dog"
    assert last.startswith("Steps: 2, Sampler: Euler, CFG scale: 7, Seed: 3, Size: 64x64, Model: tiny, LBW: ")
    resolved = last.partition("LBW: ")[2].strip('"')
    again = session.generate("a cat " + resolved, SMALL)
    assert again.weights[0].weights == result.weights[0].weights
    assert np.array_equal(np.asarray(again.image), np.asarray(result.image))


def test_an_unknown_lora_is_named_with_the_nearest(session: Session) -> None:
    with pytest.raises(DirectiveError, match=r"'had'.*hat") as caught:
        session.prepare("x <lora:hat:1> <lora:had:1>", 0)
    assert caught.value.nearest == "hat"
    assert "x <lora:hat:1> <lora:had:1>"[caught.value.position :].startswith("had")


def test_an_unknown_lora_called_as_the_tag_is_found_in_its_own_place(session: Session) -> None:
    with pytest.raises(DirectiveError) as caught:
        session.prepare("x <lora:lora:1>", 0)
    assert caught.value.position == len("x <lora:")


@pytest.fixture(scope="module")
def lenient(session: Session) -> Session:
    return Session(session.host, settings=SMALL, on_bad_directive="ignore")


@pytest.mark.parametrize(
    ("bad", "plain", "sentence"),
    [
        ("<lora:scarf:0.5:lbw=TYPO>", "<lora:scarf:0.5>", "TYPO"),
        ("<lora:scarf:0.5:0.25:lbw=1,0,1>", "<lora:scarf:0.5:0.25>", "3"),
        ("<lora:scarf:0.5:lbw=1,,2:unet=0.3:start=1>", "<lora:scarf:0.5:unet=0.3:start=1>", "missing"),
        ("<lora:scarf:0.5:lbw=ALL:lbwe=TYPO:stop=1>", "<lora:scarf:0.5:stop=1>", "TYPO"),
        ("<lora:scarf:abc>", "<lora:scarf:1>", "abc"),
        ("<lora:scarf:0.5", "<lora:scarf:0.5>", "not a tag"),
        ("<lora:scraf:1>", "", "did you mean scarf"),
        ("<LORA:scarf:1>", "", "not a tag"),
        ("<lora::1>", "", "names no LoRA"),
    ],
)
def test_a_bad_directive_can_be_ignored(lenient: Session, bad: str, plain: str, sentence: str) -> None:
    good = "<lora:hat:1:lbw=MIDD>"
    prepared, wanted = (lenient.prepare(f"a cat {good} {tag}", 0) for tag in (bad, plain))
    assert (prepared.plans, prepared.prompt) == (wanted.plans, "a cat")
    wrong, meant = map(str, prepared.notices)
    assert sentence in wrong
    assert meant == f"{bad}: " + (
        "its weights are ignored; the LoRA acts as a plain tag." if plain else "this tag is left out."
    )
    assert wanted.notices == ()


@pytest.mark.parametrize("window", ["start=10:stop=0.4", "stop=0", "start=20"])
def test_a_window_without_a_step_is_told(session: Session, window: str) -> None:
    tag = f"<lora:hat:1:{window}>"
    (notice,) = session.prepare(tag, 0, replace(SMALL, steps=20)).notices
    assert "none of the 20 steps" in str(notice)
    if window != "stop=0":
        assert session.prepare(tag, 0, replace(SMALL, steps=40)).notices == ()


@pytest.mark.parametrize("settings", [{"sampler": "Eular"}, {"width": 100}])
def test_settings_are_refused_before_anything_is_drawn(session: Session, settings: dict[str, Any]) -> None:
    bad = replace(SMALL, **settings)
    with pytest.raises(HostError):
        session.prepare("a", 0, bad)
    with pytest.raises(HostError):
        Session(session.host, settings=bad).prepare("a", 0)


def test_many_pictures_tell_each_notice_once(sd1: Any, sdxl: Any, write_lora: Callable[..., Path]) -> None:
    host = DiffusersHost(sd1, family("sd1"), {"foreign": write_lora(sdxl, "foreign")})
    session = Session(host, settings=replace(SMALL, steps=1))
    assert session.notices == ()
    requests = [Request("<lora:foreign:1:dyn=4>", seed) for seed in range(2)]
    session.generate_many(requests, lambda *_: None, lambda *_: None, lambda: False)
    dyn, *others = map(str, session.notices)
    assert "dyn=4 has no effect" in dyn
    assert any("do not fit the model" in other for other in others)
    assert len(set(session.notices)) == len(session.notices)
    session.generate_many([Request("a", 0)], lambda *_: None, lambda *_: None, lambda: False)
    assert session.notices == ()


def test_a_bad_directive_draws_nothing(session: Session) -> None:
    with pytest.raises(DirectiveError):
        session.generate("<lora:hat:1:lbw=TYPO>")


def test_what_only_a_webui_does_is_told(session: Session) -> None:
    (notice,) = session.prepare("<lora:hat:1:dyn=4>", 0).notices
    assert "dyn=4 has no effect" in str(notice)


def test_a_lora_of_another_family_is_refused(sd1: Any, sdxl: Any, write_lora: Callable[..., Path]) -> None:
    files = {"hat": write_lora(sd1, "hat")}
    with pytest.raises(FamilyError, match=r"hat.*Stable Diffusion 1"):
        Session(DiffusersHost(sdxl, family("sdxl"), files)).prepare("<lora:hat:1>", 0)


def test_many_are_what_one_by_one_would_be(session: Session) -> None:
    requests = [Request(f"a cat <lora:hat:1:lbw=ALL,{block}@0>", seed) for block, seed in (("MID", 1), ("IN01", 2))]
    drawn: dict[int, tuple[np.ndarray, str]] = {}
    session.generate_many(
        requests,
        lambda number, image, text: drawn.__setitem__(number, (np.asarray(image, dtype=int), text)),
        lambda *_: None,
        lambda: False,
    )
    for number, request in enumerate(requests):
        picture = Picture("", "dog", seed=request.seed, steps=2, width=64, height=64)
        one = session.generate(request.prompt, picture)
        assert np.abs(drawn[number][0] - np.asarray(one.image, dtype=int)).max() <= 1
        assert drawn[number][1] == one.parameters


def test_a_stop_keeps_what_is_finished(sd1: Any) -> None:
    session = Session(DiffusersHost(sd1, family("sd1"), {}, batch=1), settings=SMALL)
    drawn: list[int] = []
    steps: list[int] = []
    session.generate_many(
        [Request("a", seed) for seed in range(3)],
        lambda number, *_: drawn.append(number),
        lambda done, _: steps.append(done),
        lambda: len(steps) > 2,
    )
    assert drawn == [0]

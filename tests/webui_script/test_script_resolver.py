"""From a tag and a job to weights, and what the parameters of the picture tell of them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given

from lib_lbw.blocks.family import family
from lib_lbw.errors import DirectiveError
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.tags import split_items
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.i18n import english
from lib_lbw.webui.overlay import Overlay, attach, books, overlay_of
from lib_lbw.webui.recording import HIRES_KEY, NOTES_KEY, record, recorded, report
from lib_lbw.webui.resolver import Resolver, seed_of
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import format_directive, parse_directive
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import resolve
from tests.webui_script.fake_webui import Job
from tests.webui_script.strategies import our_directives


def entry(resolver: Resolver, text: str, seed: int = 0) -> Entry:
    found = resolver.weigh(parse_directive(text), resolver.books(Job("")), seed)
    assert found is not None
    return found


def test_the_family_comes_from_the_file_and_the_numbers_from_the_words(resolver: Resolver) -> None:
    found = entry(resolver, "<lora:karaokeroom:1:1:lbw=ALL,OUT11@0.5>")
    assert found.family.id == "sd1"
    assert dict(found.weights.weights)["OUT11"] == 0.5


def test_a_file_that_is_not_there_is_nothing_to_weigh(resolver: Resolver) -> None:
    assert resolver.weigh(parse_directive("<lora:nowhere:1:lbw=ALL>"), resolver.books(Job("")), 0) is None


def test_random_weights_come_from_the_seed_of_the_batch(resolver: Resolver) -> None:
    text = "<lora:karaokeroom:1:lbw=0,OUT11@R>"
    assert entry(resolver, text, 1).digest == entry(resolver, text, 1).digest
    assert entry(resolver, text, 1).digest != entry(resolver, text, 2).digest


@pytest.mark.parametrize(
    ("job", "seed"),
    [
        (Job("", 5), 5),
        (Job("", 5, all_seeds=[7, 8]), 7),
        (Job("", 5, all_seeds=[7, 8], seeds=[8]), 8),
        (SimpleNamespace(seed=[3]), 3),
        (SimpleNamespace(), 0),
    ],
)
def test_the_seed_is_that_of_the_first_picture_drawn_now(job: object, seed: int) -> None:
    assert seed_of(job) == seed


def test_a_silenced_block_is_told_of(resolver: Resolver) -> None:
    found = entry(resolver, "<lora:inkstyle:1:lbw=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0>")
    assert any("silences" in str(notice) for notice in found.weights.notices)


def test_an_overlay_comes_before_what_is_saved_and_that_before_what_is_shipped(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", "MINE:0.1\nALL:0.2\n", "")
    known = books(store, Overlay(True, "MINE:0.3\n", "E:::0\n"))
    assert [str(each) for each in known.presets.find("MINE")] == ["0.3"]
    assert [str(each) for each in known.presets.find("ALL")] == ["0.2"]
    assert known.presets.find("OUTALL")
    assert known.elements.find("E")


def test_a_preset_file_that_changed_counts_at_once(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    resolver = Resolver(Desk(store, dict))
    assert not resolver.books(Job("")).presets.find("NEW")
    store.path("presets").parent.mkdir(exist_ok=True)
    store.path("presets").write_text("NEW:1\n", encoding="utf-8")
    assert resolver.books(Job("")).presets.find("NEW")


def test_a_fixed_overlay_stays() -> None:
    job = Job("")
    attach(job, Overlay(fixed=True))
    attach(job, Overlay(active=False))
    assert overlay_of(job).active
    assert overlay_of(SimpleNamespace()) == Overlay()


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (["karaokeroom", "1", "1", "lbw=0.5"], "<lora:karaokeroom:1:1:lbw=0.5>"),
        (["karaokeroom", "1", "OUTALL"], "<lora:karaokeroom:1:lbw=1" + ",0" * 13 + ",1" * 12 + ">"),
        (["karaokeroom", "0.8", "te=0.2", "lbw=ALL"], "<lora:karaokeroom:0.8:te=0.2:lbw=1>"),
        (["karaokeroom", "1", "start=3", "note=x"], "<lora:karaokeroom:1:note=x:start=3>"),
        (["karaokeroom", "1@0,0.5@1", "lbw=0"], "<lora:karaokeroom:1@0,0.5@1:lbw=0>"),
    ],
)
def test_a_record_is_the_tag_of_the_host_and_our_numbers(resolver: Resolver, items: list[str], text: str) -> None:
    tag = split_items(items)
    assert tag.directive is not None
    found = resolver.weigh(tag.directive, resolver.books(Job("")), 0)
    assert found is not None
    assert recorded(tag, found) == text


@given(our_directives)
def test_a_record_means_the_same_without_presets_and_seed(directive: Directive) -> None:
    sd1 = family("sd1")
    items = format_directive(directive)[6:-1].split(":")
    tag = split_items(items)
    try:
        first = resolve(directive, sd1, seed=99)
    except DirectiveError:
        return
    text = recorded(tag, Entry(directive.name, first, sd1))
    again = resolve(parse_directive(text), sd1, presets=PresetBook.parse(""), elements=ElementBook.parse(""), seed=1)
    assert dict(again.weights) == dict(first.weights)
    assert (again.te, again.unet, again.schedule) == (first.te, first.unet, first.schedule)


def test_parameters_are_written_and_taken_out_again(resolver: Resolver) -> None:
    tag = split_items(["karaokeroom", "1", "lbw=0.5"])
    made = entry(resolver, "<lora:karaokeroom:1:lbw=0.5>")
    job = Job("")
    record(job, [(tag, made), (split_items(["plain", "1"]), None)])
    assert job.extra_generation_params == {"LBW": "<lora:karaokeroom:1:lbw=0.5>"}
    job.is_hr_pass = True
    record(job, [(tag, made)])
    assert HIRES_KEY not in job.extra_generation_params
    record(job, [])
    assert HIRES_KEY not in job.extra_generation_params
    other = split_items(["karaokeroom", "1", "lbw=0.25"])
    record(job, [(other, entry(resolver, "<lora:karaokeroom:1:lbw=0.25>"))])
    for again in ([(tag, made)], []):  # a refiner in the second pass brings the tags of the first one
        assert job.extra_generation_params[HIRES_KEY] == "<lora:karaokeroom:1:lbw=0.25>"
        record(job, again)
    assert job.extra_generation_params[HIRES_KEY] == "<lora:karaokeroom:1:lbw=0.25>"
    job.is_hr_pass = False
    record(job, [])
    assert job.extra_generation_params == {}


def test_notices_are_seen_below_the_picture_in_its_parameters_and_on_the_console(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job("")
    notice = Notice.of("{block} is silent", block="IN00")
    report(job, [notice, notice], english)
    report(job, [notice, Notice.of("more")], english)
    assert list(job.comments) == ["IN00 is silent", "more"]
    assert job.extra_generation_params[NOTES_KEY] == "IN00 is silent | more"
    assert "IN00 is silent" in caplog.text


def test_a_bare_job_of_the_webui_itself_is_no_trouble() -> None:
    record(SimpleNamespace(), [])
    report(SimpleNamespace(), [Notice.of("x")], english)

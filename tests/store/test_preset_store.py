"""The user's presets on disk."""

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_lbw.errors import StoreConflict, StoreError
from lib_lbw.store.files import BACKUPS, DAYS, Backup, backups_of, superfluous
from lib_lbw.store.presets import KINDS, PresetStore
from lib_lbw.weights.presets import PresetBook

FACE = "FACE:1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0\n"
BODY = "BODY:1,1,1,1,1,1,0.2,0,0.2,0,0.8,1,1,1,1,1,1\n"


def test_a_new_store_has_the_shipped_presets_and_writes_nothing(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "none")
    assert store.presets().names() == PresetBook.shipped().names()
    assert "SELFATTNOFF" in store.elements().names()
    assert not (tmp_path / "none").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80))
def test_any_text_comes_back_exactly(tmp_path: Path, text: str) -> None:
    for kind in KINDS:
        store = PresetStore(tmp_path)
        store.save(kind, text, store.text(kind))
        assert store.text(kind) == text
        assert PresetStore(tmp_path).text(kind) == text


def test_own_presets_stand_over_the_shipped_and_faults_are_kept(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", "# mine\nNONE:1\nnonsense\n" + FACE, "")
    assert [str(weights) for weights in store.presets().find("NONE")] == [
        str(weights) for weights in PresetBook.parse("NONE:1").find("NONE")
    ]
    assert [fault.line for fault in store.own("presets").faults] == [3]
    assert "nonsense" in store.text("presets")
    assert "FACE" in store.own("presets").names()


def test_a_change_made_outside_is_seen_at_once(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", FACE, "")
    store.path("presets").write_text(FACE + BODY, "utf-8")
    assert "BODY" in store.presets().names()
    store.path("presets").unlink()
    assert store.own("presets").names() == ()


def test_a_change_outside_of_another_line_is_merged(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", FACE + "# middle\n" + BODY, "")
    base = store.text("presets")
    store.path("presets").write_text(base.replace("FACE", "FACE2"), "utf-8")
    saved = store.save("presets", base.replace("BODY", "BODY2"), base)
    assert saved.merged
    assert {"FACE2", "BODY2"} <= set(store.own("presets").names())


def test_a_conflict_shows_their_text_and_writes_nothing(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", FACE, "")
    theirs = FACE.replace("1,0", "0.5,0", 1)
    store.path("presets").write_text(theirs, "utf-8")
    with pytest.raises(StoreConflict, match="was changed meanwhile") as caught:
        store.save("presets", FACE.replace("1,0", "0.2,0", 1), FACE)
    assert caught.value.theirs == theirs
    assert store.path("presets").read_text("utf-8") == theirs


def test_a_line_without_an_end_does_not_run_into_another(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", "A:1\nB:1", "")
    store.path("presets").write_text("A:0\nB:1", "utf-8")
    store.save("presets", "A:1\nB:1\nC:1", "A:1\nB:1")
    assert store.own("presets").names() == ("A", "B", "C")


def test_earlier_versions_are_kept_up_to_a_number(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    for number in range(BACKUPS + 5):
        store.save("presets", f"P{number}:1\n", store.text("presets"))
    kept = backups_of(store.path("presets"))
    assert len(kept) == BACKUPS
    assert kept[-1].path.read_text("utf-8") == f"P{BACKUPS + 3}:1\n", "the version just before the last save"


def test_of_earlier_days_the_last_version_is_kept() -> None:
    begin = datetime(2026, 1, 1, 8, tzinfo=timezone.utc)
    made = [Backup(Path(f"{hour}"), begin + timedelta(hours=hour)) for hour in range(24 * 40)]
    gone = {each.path for each in superfluous(made)}
    kept = [each.moment for each in made if each.path not in gone]
    assert kept[-BACKUPS:] == [each.moment for each in made[-BACKUPS:]]
    days = kept[:-BACKUPS]
    assert len(days) == DAYS
    assert all(each.hour == 23 for each in days)
    assert superfluous(made[:BACKUPS]) == []


def test_an_earlier_version_is_read_by_its_name_and_nothing_else_is(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    for text in (FACE, BODY, FACE + BODY):
        store.save("presets", text, store.text("presets"))
    newest, oldest = store.backups("presets")
    assert store.backup("presets", newest.path.name) == BODY
    assert store.backup("presets", oldest.path.name) == FACE
    (tmp_path / "backups" / "presets-mine.txt").write_text("X:1\n", "utf-8")
    for name in ("../presets.txt", "presets-mine.txt", ""):
        with pytest.raises(StoreError, match="no earlier version"):
            store.backup("presets", name)
    assert store.backups("elements") == []


def test_a_save_that_changes_nothing_makes_no_backup(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", FACE, "")
    store.save("presets", FACE, FACE)
    assert backups_of(store.path("presets")) == []


def test_a_failing_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PresetStore(tmp_path)
    store.save("presets", FACE, "")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        store.save("presets", BODY, FACE)
    assert store.path("presets").read_text("utf-8") == FACE
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_in_another_encoding_is_left_as_it_is(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.path("presets").write_bytes("顔:1\n".encode("cp932"))
    with pytest.raises(StoreError, match="not text in UTF-8"):
        store.presets()
    with pytest.raises(StoreError, match="not text in UTF-8"):
        store.save("presets", FACE, "")
    assert store.path("presets").read_bytes() == "顔:1\n".encode("cp932")


def test_a_text_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    """Half of a surrogate pair, as JSON can carry it."""
    store = PresetStore(tmp_path)
    store.save("presets", FACE, "")
    with pytest.raises(StoreError, match="cannot be saved: surrogates"):
        store.save("presets", FACE + "# \ud800\n", FACE)
    assert PresetStore(tmp_path).text("presets") == FACE

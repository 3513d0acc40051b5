"""Taking over the presets of the extension that came before."""

from pathlib import Path

from lib_lbw.store.presets import PresetStore
from lib_lbw.store.reference import import_reference

PRESETS = "NONE:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\nMYFACE:1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0\nbroken line\n"
ELEMENTS = "MYATTN:IN05-OUT05:attn:0.5\n\nFFOFF::ff:0\n"


def reference(tmp_path: Path, presets: bytes = PRESETS.encode()) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir(exist_ok=True)
    (folder / "lbwpresets.txt").write_bytes(presets)
    (folder / "elempresets.txt").write_text(ELEMENTS, "utf-8")
    return folder


def test_what_is_new_is_taken_once_and_the_files_stay(tmp_path: Path) -> None:
    folder = reference(tmp_path)
    store = PresetStore(tmp_path / "data")
    assert import_reference(store, folder) == ("MYFACE", "MYATTN", "FFOFF")
    assert {"MYFACE"} == set(store.own("presets").names())
    assert store.elements().find("MYATTN")
    assert (folder / "lbwpresets.txt").read_bytes() == PRESETS.encode()
    store.save("presets", "", store.text("presets"))
    assert import_reference(store, folder) == ()
    assert store.text("presets") == "", "what the user deleted does not come back"


def test_names_the_user_has_keep_the_users_weights(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "data")
    store.save("presets", "MYFACE:0.5", "")
    assert "MYFACE" not in import_reference(store, reference(tmp_path))
    assert store.text("presets") == "MYFACE:0.5"


def test_a_text_of_a_japanese_editor_is_read(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "data")
    folder = reference(tmp_path, "顔だけ:1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0\r\n".encode("cp932"))
    assert "顔だけ" in import_reference(store, folder)


def test_no_files_no_import(tmp_path: Path) -> None:
    assert import_reference(PresetStore(tmp_path / "data"), tmp_path) == ()
    assert not (tmp_path / "data").exists()

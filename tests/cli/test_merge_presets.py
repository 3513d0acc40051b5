"""The user's own presets mean the same to a merge as to a prompt."""

from pathlib import Path

from lib_lbw.cli.main import main
from lib_lbw.lora.file import LoraFile
from lib_lbw.store.home import user_store


def test_a_merge_knows_the_presets_of_the_user(tmp_path: Path) -> None:
    store = user_store()
    before = store.text("presets")
    store.save("presets", "ONLYOUT05:0,OUT05@1\n", before)
    try:
        out = tmp_path / "out.safetensors"
        assert main(["bake", "karaokeroom:1:lbw=ONLYOUT05", "--out", str(out)]) == 0
        assert set(LoraFile(out).blocks) == {"OUT05"}
    finally:
        store.save("presets", before, store.text("presets"))

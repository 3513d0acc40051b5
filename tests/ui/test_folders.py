import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import AnalysisError
from lib_lbw.ui.folders import earlier, find_folder, new_folder

NOW = datetime(2026, 1, 2, 3, 4, 5)


@given(st.text(min_size=1))
def test_a_folder_stays_below_the_root_and_has_a_plain_name(lora: str) -> None:
    folder = new_folder(Path("root"), lora, NOW)
    assert folder.parent == Path("root")
    assert re.fullmatch(r"20260102-030405-[0-9A-Za-z._-]{1,60}", folder.name)


def test_earlier_analyses_are_those_with_a_record_newest_first(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260103-c", "20260102-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "20260104-empty").mkdir()
    assert earlier(tmp_path) == ["20260103-c", "20260102-b", "20260101-a"]
    assert find_folder(tmp_path, "20260102-b") == tmp_path / "20260102-b"


@pytest.mark.parametrize("name", ["", "nosuch", "../secret", "/etc"])
def test_only_known_names_are_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnalysisError):
        find_folder(tmp_path / "below", name)


def test_two_analyses_in_one_second_have_two_folders(tmp_path: Path) -> None:
    first = new_folder(tmp_path, "a", NOW)
    first.mkdir()
    assert new_folder(tmp_path, "a", NOW).name == f"{first.name}-2"

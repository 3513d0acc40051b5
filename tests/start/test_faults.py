import errno
import io
import string
import sys
from pathlib import Path

import pytest

from lib_lbw.start import faults
from lib_lbw.start.faults import JAPANESE, StartError, from_os_error, from_output, last_line, spoken

OTHERWISE = StartError(faults.OS_FAILED, error="?")
SEEN = [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", faults.DISK_FULL),
    ("OSError: [WinError 112] ディスクに十分な空き領域がありません。", faults.DISK_FULL),
    ("Error: [Errno 13] Permission denied: '/opt/lbw/.venv'", faults.READ_ONLY),
    ("[Errno 30] Read-only file system: '/opt/lbw/.venv'", faults.READ_ONLY),
    ("PermissionError: [WinError 5] アクセスが拒否されました。", faults.READ_ONLY),
    (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/torch/\n"
        "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\n"
        "ERROR: No matching distribution found for torch",
        faults.NO_NETWORK,
    ),
    ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", faults.NO_NETWORK),
    (
        "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: 2.2.2)\n"
        "ERROR: No matching distribution found for torch==2.13.0",
        faults.NO_BUILD,
    ),
    ("ERROR: ResolutionImpossible", faults.OS_FAILED),
]


@pytest.mark.parametrize(("output", "template"), SEEN)
def test_output_becomes_a_sentence(output: str, template: str, tmp_path: Path) -> None:
    assert from_output(output, tmp_path, OTHERWISE).template == template


@pytest.mark.parametrize(
    ("number", "template"),
    [
        (errno.EACCES, faults.READ_ONLY),
        (errno.EROFS, faults.READ_ONLY),
        (errno.ENOSPC, faults.DISK_FULL),
        (errno.EIO, faults.OS_FAILED),
    ],
)
def test_os_error_becomes_a_sentence(number: int, template: str, tmp_path: Path) -> None:
    error = from_os_error(OSError(number, "x"), tmp_path)
    assert error.template == template
    assert str(error).endswith(".")


def test_last_line_says_the_reason() -> None:
    assert last_line("Collecting a\nERROR: why\n\n") == "ERROR: why"
    assert last_line("") == "no output"


def test_every_sentence_is_there_in_japanese_with_the_same_fields() -> None:
    english = {value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)}
    assert english == set(JAPANESE)
    for template, translation in JAPANESE.items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (template, translation)
        ]
        assert fields[0] == fields[1]


def test_the_locale_chooses_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    message = StartError(faults.NO_NETWORK)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert spoken(message) == JAPANESE[faults.NO_NETWORK]
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert spoken(message) == faults.NO_NETWORK
    monkeypatch.setenv("LC_ALL", "ja_JP")
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert spoken(message) == faults.NO_NETWORK

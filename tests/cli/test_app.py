from pathlib import Path
from typing import Any

import pytest

from lib_lbw.cli.app import run as app
from lib_lbw.cli.main import parser


def launched(words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the app was launched with."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr("lib_lbw.ui.app.launch", lambda session, **keywords: seen.update(keywords, session=session))
    monkeypatch.setattr("lib_lbw.cli.opening.open_session", lambda arguments, loras: (arguments.checkpoint, loras))
    arguments = parser().parse_args(["app", *words])
    assert app(arguments) == 0
    return seen


def test_by_itself_it_opens_the_embedded_model_in_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = launched([], monkeypatch)
    checkpoint, loras = seen.pop("session")
    assert checkpoint is None
    assert "inkstyle" in loras
    assert seen == {"port": None, "browser": True, "checkpoint": None}


def test_options_reach_the_app(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    words = ["--port", "7871", "--no-browser", "--checkpoint", "m.safetensors", "--lora-dir", str(folder)]
    seen = launched(words, monkeypatch)
    checkpoint, loras = seen.pop("session")
    assert checkpoint == Path("m.safetensors")
    assert set(loras) == {"broken", "plain", "large 日本"}
    assert seen == {"port": 7871, "browser": False, "checkpoint": Path("m.safetensors")}


@pytest.mark.parametrize("port", ["0", "65536", "-1", "web"])
def test_a_port_that_cannot_be(run: Any, port: str) -> None:
    status, _, err = run("app", "--port", port)
    assert (status, f"'{port}' is no port: a whole number from 1 to 65535" in err) == (2, True)

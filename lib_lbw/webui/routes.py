"""The same answers over HTTP, below `/lbw`: presets, LoRA files by name, and what a prompt means.

| request | answer |
|---|---|
| GET /lbw/presets, /lbw/elements | text, lines with their faults, shipped lines |
| PUT /lbw/presets, /lbw/elements | the same after saving; `base` is the text that was edited |
| GET /lbw/loras, /lbw/lora/NAME | names; family, blocks and ranks of one |
| POST /lbw/resolve | for each tag of a prompt its numbers, or what is wrong with it |

A fault is `{"error": {"message": ..., "kind": ...}}`. Nothing here takes a path. Where the WebUI asks for the user
and password of `--api-auth`, so do these.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from lib_lbw.errors import LbwError, LoraFileError, StoreConflict
from lib_lbw.store.presets import KINDS, Kind
from lib_lbw.ui.door.door import Door, error_json
from lib_lbw.ui.i18n import english
from lib_lbw.webui.answers import resolve_prompt
from lib_lbw.webui.resolver import Resolver

_STATUS: tuple[tuple[type[LbwError], int], ...] = ((StoreConflict, 409), (LoraFileError, 404))


class Edited(BaseModel):
    """A text to save, and the text it was made from."""

    text: str
    base: str = ""


class Prompt(BaseModel):
    """A prompt with tags; `presets` and `elements` count for this request alone."""

    prompt: str
    seed: int = 0
    presets: str = ""
    elements: str = ""


def add_routes(app: FastAPI, resolver: Resolver, users: dict[str, str]) -> None:
    """Add the routes to an application; with `users` (name -> password) they ask for one of them."""
    guard = [Depends(_guard(users))] if users else []
    door = Door(resolver.desk)

    def add(method: str, path: str, answer: Callable[..., Any]) -> None:
        app.add_api_route(f"/lbw/{path}", answer, methods=[method], dependencies=guard, tags=["LoRA Block Weight"])

    for kind in KINDS:
        add("GET", kind, _reader(door, kind))
        add("PUT", kind, _writer(door, kind))

    def loras() -> Any:
        return _answer(lambda: door.answer("loras", {}))

    def lora(name: str) -> Any:
        return _answer(lambda: door.answer("lora", {"name": name}))

    def resolve(asked: Prompt) -> Any:
        return _answer(lambda: resolve_prompt(resolver, asked.prompt, asked.seed, asked.presets, asked.elements))

    add("GET", "loras", loras)
    add("GET", "lora/{name}", lora)
    add("POST", "resolve", resolve)


def users_of(text: str | None) -> dict[str, str]:
    """Read the value of `--api-auth`, `name:password,name:password`."""
    pairs = (pair.partition(":") for pair in (text or "").split(",") if pair.strip())
    return {name: password for name, _, password in pairs}


def _reader(door: Door, kind: Kind) -> Callable[[], Any]:
    return lambda: _answer(lambda: door.answer("presets.read", {"kind": kind}))


def _writer(door: Door, kind: Kind) -> Callable[[Edited], Any]:
    def write(edited: Edited) -> Any:
        return _answer(lambda: door.answer("presets.save", {"kind": kind, "text": edited.text, "base": edited.base}))

    return write


def _answer(answer: Callable[[], dict[str, Any]]) -> Any:
    try:
        return answer()
    except LbwError as error:
        status = next((number for kind, number in _STATUS if isinstance(error, kind)), 400)
        return JSONResponse({"error": error_json(error, english)}, status_code=status)


def _guard(users: dict[str, str]) -> Callable[..., None]:
    basic = HTTPBasic()

    def guard(credentials: HTTPBasicCredentials = Depends(basic)) -> None:  # noqa: B008 - how FastAPI asks
        password = users.get(credentials.username)
        if password is None or not compare_digest(credentials.password.encode(), password.encode()):
            raise HTTPException(401, "Incorrect username or password", {"WWW-Authenticate": "Basic"})

    return guard

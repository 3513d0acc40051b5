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

from lib_lbw.errors import LbwError, LoraFileError, StoreConflict
from lib_lbw.store.presets import KINDS, Kind
from lib_lbw.ui.door.door import Door, error_json
from lib_lbw.ui.i18n import english
from lib_lbw.webui.answers import resolve_prompt
from lib_lbw.webui.resolver import Resolver
from lib_lbw.webui.schemas import Edited, LoraFacts, LoraNames, PresetText, Prompt, Refusal, ResolvedPrompt

_STATUS: tuple[tuple[type[LbwError], int], ...] = ((StoreConflict, 409), (LoraFileError, 404))


def add_routes(app: FastAPI, resolver: Resolver, users: dict[str, str]) -> None:
    """Add the routes to an application; with `users` (name -> password) they ask for one of them."""
    guard = [Depends(_guard(users))] if users else []
    door = Door(resolver.desk)

    def add(method: str, path: str, name: str, answer: Callable[..., Any], shape: type, *faults: int) -> None:
        app.add_api_route(
            f"/lbw/{path}",
            answer,
            methods=[method],
            name=name,
            response_model=shape,
            response_model_exclude_unset=True,  # what an answer does not have is no null in it
            responses={status: {"model": Refusal} for status in (400, *faults)},
            dependencies=guard,
            tags=["LoRA Block Weight"],
        )

    for kind in KINDS:
        add("GET", kind, f"read_block_weight_{kind}", _reader(door, kind), PresetText)
        add("PUT", kind, f"save_block_weight_{kind}", _writer(door, kind), PresetText, 409)

    def loras() -> Any:
        """Name the LoRAs that the WebUI lists."""
        return _answer(lambda: door.answer("loras", {}))

    def lora(name: str) -> Any:
        """Tell what a LoRA holds: family, blocks and ranks."""
        return _answer(lambda: door.answer("lora", {"name": name}))

    def resolve(asked: Prompt) -> Any:
        """Tell the numbers of each tag of a prompt, or what is wrong with it. Nothing is drawn."""
        return _answer(lambda: resolve_prompt(resolver, asked.prompt, asked.seed, asked.presets, asked.elements))

    add("GET", "loras", "list_block_weight_loras", loras, LoraNames)
    add("GET", "lora/{name}", "inspect_lora_blocks", lora, LoraFacts, 404)
    add("POST", "resolve", "resolve_block_weights", resolve, ResolvedPrompt)


def users_of(text: str | None) -> dict[str, str]:
    """Read the value of `--api-auth`, `name:password,name:password`."""
    pairs = (pair.partition(":") for pair in (text or "").split(",") if pair.strip())
    return {name: password for name, _, password in pairs}


def _reader(door: Door, kind: Kind) -> Callable[[], Any]:
    def read() -> Any:
        """Read the user's text, with its lines, and the lines that come with the program."""
        return _answer(lambda: door.answer("presets.read", {"kind": kind}))

    return read


def _writer(door: Door, kind: Kind) -> Callable[[Edited], Any]:
    def write(edited: Edited) -> Any:
        """Save a text. Lines that somebody else changed since `base` stay; changes of the same line are refused."""
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

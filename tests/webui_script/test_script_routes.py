"""The answers over HTTP, and who may ask."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lib_lbw.ui.door.door import Door
from lib_lbw.webui.answers import resolve_prompt
from lib_lbw.webui.resolver import Resolver
from lib_lbw.webui.routes import add_routes, users_of

ROUTES = {
    ("get", "presets"), ("put", "presets"), ("get", "elements"), ("put", "elements"),
    ("get", "loras"), ("get", "lora/{name}"), ("post", "resolve"),
}  # fmt: skip


def client(resolver: Resolver, auth: str | None = None) -> TestClient:
    app = FastAPI()
    add_routes(app, resolver, users_of(auth))
    return TestClient(app)


def test_presets_are_read_saved_and_used(resolver: Resolver) -> None:
    page = client(resolver)
    assert page.get("/lbw/presets").json()["text"] == ""
    saved = page.put("/lbw/presets", json={"text": "MINE:0.5\nBAD\n"})
    assert saved.status_code == 200
    assert [line.get("fault") is None for line in saved.json()["lines"]] == [True, False]
    found = page.post("/lbw/resolve", json={"prompt": "<lora:karaokeroom:1:lbw=MINE>"}).json()["tags"][0]
    assert found["weights"]["MID"] == 0.5
    assert found["numbers"] == "<lora:karaokeroom:1:lbw=0.5>"
    assert page.put("/lbw/elements", json={"text": "E::attn:0\n"}).status_code == 200


def test_somebody_elses_change_is_not_written_over(resolver: Resolver) -> None:
    page = client(resolver)
    page.put("/lbw/presets", json={"text": "A:1\n"})
    refused = page.put("/lbw/presets", json={"text": "A:0\n", "base": "A:2\n"})
    assert refused.status_code == 409
    assert refused.json()["error"]["theirs"] == "A:1\n"


def test_every_tag_is_answered_for_itself(resolver: Resolver) -> None:
    prompt = (
        "<lora:karaokeroom:1:lbw=OUTAL> <lora:nowhere:1> <lora:karaokeroom:1:T> <lora:> <lora:karaokeroom:[1@0,0@1]:T>"
    )
    tags = client(resolver).post("/lbw/resolve", json={"prompt": prompt, "presets": "T:0.1"}).json()["tags"]
    assert tags[0]["error"]["nearest"] == "OUTALL"
    assert "nowhere" in tags[1]["error"]["message"]
    assert tags[2]["weights"]["BASE" if "BASE" in tags[2]["weights"] else "TE1"] == 0.1
    assert tags[3]["error"]["kind"] == "DirectiveError"
    assert tags[4]["weights"] == tags[2]["weights"], "multipliers of other extensions are no fault"


def test_loras_go_by_name_and_never_by_path(resolver: Resolver) -> None:
    page = client(resolver)
    assert "karaokeroom" in page.get("/lbw/loras").json()["loras"]
    assert page.get("/lbw/lora/karaokeroom").json()["family"]["id"] == "sd1"
    missing = page.get("/lbw/lora/karaoke")
    assert (missing.status_code, missing.json()["error"]["kind"]) == (404, "LoraFileError")
    for path in ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd"):
        assert page.get(f"/lbw/lora/{path}").status_code == 404


def test_a_broken_preset_file_is_told_of(resolver: Resolver, tmp_path: Path) -> None:
    resolver.desk.store.folder.mkdir(parents=True)
    resolver.desk.store.path("presets").write_bytes(b"\xff\xfe\xff")
    answer = client(resolver).get("/lbw/presets")
    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_with_users_nobody_else_gets_in(resolver: Resolver, method: str, path: str) -> None:
    page, path = client(resolver, "ann:se:cret,bob:x"), path.format(name="karaokeroom")
    body = {"json": {"text": "", "prompt": ""}} if method in ("put", "post") else {}
    ask = getattr(page, method)
    assert ask(f"/lbw/{path}", **body).status_code == 401
    assert ask(f"/lbw/{path}", auth=("ann", "wrong"), **body).status_code == 401
    assert ask(f"/lbw/{path}", auth=("eve", ""), **body).status_code == 401
    assert ask(f"/lbw/{path}", auth=("ann", "se:cret"), **body).status_code == 200
    assert ask(f"/lbw/{path}", auth=("bob", "x"), **body).status_code == 200


def test_a_question_of_the_wrong_shape_is_refused_in_json(resolver: Resolver) -> None:
    answer = client(resolver).post("/lbw/resolve", json={"seed": "many"})
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_the_description_of_the_api_tells_the_shape_of_every_answer(resolver: Resolver) -> None:
    described = client(resolver).get("/openapi.json").json()
    shapes = described["components"]["schemas"]
    told: dict[tuple[str, str], dict[str, Any]] = {
        (method, path.removeprefix("/lbw/")): operation
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }
    assert set(told) == ROUTES
    for operation in told.values():
        answers = operation["responses"]
        names = {status: named_shape(answers[status]) for status in answers if status != "422"}
        assert shapes[names.pop("200")]["properties"]
        assert set(names.values()) == {"Refusal"}
        assert operation["description"].endswith(".")
    assert "404" in told["get", "lora/{name}"]["responses"]
    assert "409" in told["put", "presets"]["responses"]
    assert len({operation["operationId"] for operation in told.values()}) == len(ROUTES)
    assert not [operation["summary"] for operation in told.values() if "Block" not in operation["summary"]]
    assert {"text", "start", "end", "weights", "error"} <= shapes["ResolvedTag"]["properties"].keys()


def named_shape(answer: dict[str, Any]) -> str:
    return str(answer["content"]["application/json"]["schema"]["$ref"]).rpartition("/")[2]


def test_an_answer_is_whole_and_has_nothing_that_is_not_there(resolver: Resolver) -> None:
    """What a described shape does not name would be dropped on the way."""
    page, door = client(resolver), Door(resolver.desk)
    text = "A:ALL\nBAD\n# c\nV:1,0,1\n"
    assert page.put("/lbw/presets", json={"text": text}).json()["merged"] is False
    assert page.get("/lbw/presets").json() == door.answer("presets.read", {"kind": "presets"})
    assert page.get("/lbw/elements").json() == door.answer("presets.read", {"kind": "elements"})
    assert page.get("/lbw/loras").json() == door.answer("loras", {})
    for name in resolver.desk.loras():
        assert page.get(f"/lbw/lora/{name}").json() == door.answer("lora", {"name": name})
    prompt = "<lora:karaokeroom:1:lbw=R,IN01.attn@0.5:start=2> <lora:karaokeroom:1:lbw=OUTAL> <lora:> <lora:nowhere:1>"
    raw = resolve_prompt(resolver, prompt, 3)
    assert [tag.get("error", {}).get("kind") for tag in raw["tags"]] == [
        None, "DirectiveError", "DirectiveError", "LoraFileError",
    ]  # fmt: skip
    assert page.post("/lbw/resolve", json={"prompt": prompt, "seed": 3}).json() == raw

"""Every sentence of the program has a translation: the templates are collected from the code."""

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib_lbw
from lib_lbw.analysis.axes import KINDS
from lib_lbw.ui.i18n import LOCALES, dictionary
from lib_lbw.ui.outcome import NUMBERS
from lib_lbw.ui.roles import roles
from lib_lbw.ui.scripts import folder

CODE = Path(lib_lbw.__file__).parent
#: The command line and the installer speak English; training the embedded model is for developers.
ENGLISH_ONLY = ("cli", "start", "demo")
#: Function or method name -> which of its arguments are templates.
TEMPLATES = {
    "fault": [0],
    "of": [0],
    "translate": [0],
    "say": [1],
    "plain_message": [1],
    "_text": [1, 3],
    "_list": [1],
    "_check": [1, 2],
    "unknown_preset": [3],
}
SCRIPT_TEXT = re.compile(r'\b(?:t|button|word|input|number|check|act|box)\("((?:[^"\\]|\\.)+)"')
LABELLED = {"label", "info", "placeholder", "value"}


def error_classes() -> set[str]:
    tree = ast.parse((CODE / "errors.py").read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def templates_in(path: Path, errors: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        places = [0] if name in errors else TEMPLATES.get(name, [])
        for place in places:
            if place < len(node.args):
                yield from texts(node.args[place])
        if name == "new" and len(node.args) > 1 and isinstance(node.args[1], ast.Dict):
            for key, value in zip(node.args[1].keys, node.args[1].values, strict=True):
                if isinstance(key, ast.Constant) and key.value in LABELLED:
                    yield from texts(value)


def script_templates() -> Iterator[tuple[str, str]]:
    """The sentences of the scripts, each with its file."""
    for path in sorted(folder().glob("*.js")):
        for text in SCRIPT_TEXT.findall(path.read_text(encoding="utf-8")):
            yield text, f"javascript/{path.name}"


def collected() -> dict[str, str]:
    """Template -> the file it stands in."""
    errors = error_classes()
    found: dict[str, str] = dict(script_templates())
    for path in sorted(CODE.rglob("*.py")):
        place = path.relative_to(CODE)
        if place.parts[0] not in ENGLISH_ONLY:
            found.update(dict.fromkeys(templates_in(path, errors), place.as_posix()))
    found.update({text: "ui/outcome.py" for pair in NUMBERS.values() for text in pair})
    found.update(dict.fromkeys(KINDS, "analysis/axes.py"))
    found.update({f"{name} {word}": "ui/axis_fields.py" for name in "XYZ" for word in ("axis", "values")})
    for family in ("sd1", "sd2", "sdxl"):
        found.update({role.text: "ui/roles.json" for role in roles(family).values()})
    return {text: place for text, place in found.items() if any(letter.isalpha() for letter in without_fields(text))}


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def without_fields(template: str) -> str:
    return "".join(text for text, _, _, _ in string.Formatter().parse(template))


def test_the_collector_sees_errors_labels_and_sentences() -> None:
    found = set(collected())
    assert {"{text!r} is not a number", "Prompt", "Weight preset", "{time} left", "above 1"} - {"above 1"} <= found


@pytest.mark.parametrize("language", ["ja"])
def test_every_template_is_translated(language: str) -> None:
    known = dictionary(language)
    missing = {text: place for text, place in collected().items() if text not in known}
    assert not missing, json.dumps(missing, ensure_ascii=False, indent=1)


@pytest.mark.parametrize("path", sorted(LOCALES.glob("*.json")), ids=lambda path: path.stem)
def test_a_translation_uses_the_fields_of_its_template_and_no_others(path: Path) -> None:
    entries = json.loads(path.read_text(encoding="utf-8"))
    wrong = {english: own for english, own in entries.items() if not fields(own) <= fields(english)}
    assert not wrong
    lost = {english: own for english, own in entries.items() if fields(english) - fields(own)}
    assert not lost

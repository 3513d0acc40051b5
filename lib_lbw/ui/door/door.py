"""The door itself: finds who answers a question, and turns faults into answers too."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from lib_lbw.errors import DirectiveError, LbwError, PresetError, StoreConflict
from lib_lbw.ui.door import families, loras, measured, presets, prompts, weights
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.i18n import DEFAULT_LANGUAGE, LANGUAGES, Translate, translator

Answer = Callable[[Desk, Question], dict[str, Any]]

ANSWERS: Mapping[str, Answer] = {
    **families.ANSWERS,
    **loras.ANSWERS,
    **measured.ANSWERS,
    **presets.ANSWERS,
    **prompts.ANSWERS,
    **weights.ANSWERS,
}
"""Every question that can be asked."""


class Door:
    """Answers the questions of the panels. It keeps nothing but its desk, so that any thread may ask."""

    def __init__(self, desk: Desk, more: Mapping[str, Answer] | None = None) -> None:
        """Answer for `desk`; `more` are questions that a home answers beside these."""
        self.desk = desk
        self.answers: Mapping[str, Answer] = {**ANSWERS, **(more or {})}

    def answer(self, method: str, values: Mapping[str, Any], language: str = DEFAULT_LANGUAGE) -> dict[str, Any]:
        """Return the answer to one question. Raises LbwError for a fault the user can mend."""
        if method not in self.answers:
            raise LbwError("there is no question called {method!r}", method=method)
        return self.answers[method](self.desk, Question(values, language))

    def ask(self, text: str) -> str:
        """Answer a question in JSON, `{"id", "method", "values", "language"}`, with `{"id", "result"}` or `{"error"}`.

        The id comes back as it was, so that the page knows which of its questions was answered.
        """
        try:
            asked = json.loads(text)
            number, method = asked["id"], str(asked["method"])
            values = dict(asked.get("values") or {})
        except (ValueError, KeyError, TypeError):
            return json.dumps({"id": None, "error": {"message": "not a question"}})
        language = asked.get("language")
        language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        try:
            return _json({"id": number, "result": self.answer(method, values, language)})
        except LbwError as error:
            return _json({"id": number, "error": error_json(error, translator(language))})


def error_json(error: LbwError, translate: Translate) -> dict[str, Any]:
    """Return a fault for a page: the sentence, and what belongs to it."""
    told: dict[str, Any] = {"message": error.localized(translate), "kind": type(error).__name__}
    if isinstance(error, DirectiveError):
        told |= {"text": error.text, "position": error.position, "nearest": error.nearest}
    if isinstance(error, PresetError):
        told["line"] = error.line
    if isinstance(error, StoreConflict):
        told["theirs"] = error.theirs
    return told


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

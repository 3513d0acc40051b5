"""Questions of the settings page."""

from collections.abc import Mapping
from typing import Any

from lib_lbw.errors import LbwError
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.door.door import Answer
from lib_lbw.ui.i18n import LANGUAGES
from lib_lbw.ui.settings.facts import folders, program
from lib_lbw.ui.settings.kept import Settings
from lib_lbw.ui.workbench import Workbench


def settings_answers(bench: Workbench) -> Mapping[str, Answer]:
    """Return the questions about the settings of `bench`."""

    def read(desk: Desk, question: Question) -> dict[str, Any]:
        """Return the settings, the languages there are, and the facts beside them."""
        kept = bench.settings.read()
        return {
            "language": kept.language or "",
            "languages": [[code, name] for code, name in LANGUAGES.items()],
            "fixed": bench.language is not None,
            "on_bad_directive": bench.session.on_bad_directive,
            "program": program(bench, question.translate),
            "folders": folders(bench, question.translate),
        }

    def write(desk: Desk, question: Question) -> dict[str, Any]:
        """Keep the settings, and let them act. Raises StoreError, and LbwError for what cannot be set."""
        language, bad = question.text("language", ""), question.text("on_bad_directive", "stop")
        for text, known in ((language, ("", *LANGUAGES)), (bad, ("stop", "ignore"))):
            if text not in known:
                raise LbwError("{text!r} is none of {known}", text=text, known=", ".join(filter(None, known)))
        settings = Settings.from_json({"language": language, "on_bad_directive": bad})
        bench.settings.write(settings)
        bench.session.on_bad_directive = settings.on_bad_directive
        return {}

    return {"settings.read": read, "settings.write": write}

"""What a user has set, in a small file beside the presets."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lib_lbw.errors import StoreError
from lib_lbw.hosts.session import OnBadDirective
from lib_lbw.lora.atomic import replacing
from lib_lbw.ui.i18n import LANGUAGES


@dataclass(frozen=True)
class Settings:
    """`language`: a code, None for the one that the browser asks for. `on_bad_directive`: as of a session."""

    language: str | None = None
    on_bad_directive: OnBadDirective = "stop"

    @classmethod
    def from_json(cls, values: Any) -> "Settings":
        """Return the settings among JSON values; what is missing, or nothing that can be set, is as it comes."""
        told = values if isinstance(values, dict) else {}
        language = told.get("language")
        known = language if isinstance(language, str) and language in LANGUAGES else None
        return cls(known, "ignore" if told.get("on_bad_directive") == "ignore" else "stop")


@dataclass(frozen=True)
class SettingsFile:
    """The file of the settings. It is read whenever it is asked for, so that another window's change counts."""

    path: Path

    def read(self) -> Settings:
        """Return the settings; those that come with the program where the file is missing or cannot be read."""
        try:
            return Settings.from_json(json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return Settings()

    def write(self, settings: Settings) -> None:
        """Keep the settings. Raises StoreError when the disk refuses; the file is then as it was."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as (_, stream):
                stream.write(json.dumps(asdict(settings), indent=2).encode())
        except OSError as error:
            raise StoreError(
                "{path} cannot be saved: {reason}", path=self.path, reason=error.strerror or error
            ) from error

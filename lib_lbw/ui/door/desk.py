"""What the answers are made of: the user's presets, the LoRA files, and how a question's values are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lib_lbw.blocks.family import Family, family
from lib_lbw.errors import LbwError, LoraFileError
from lib_lbw.hosts.library import Library
from lib_lbw.lora.file import LoraFile
from lib_lbw.store.presets import KINDS, Kind, PresetStore
from lib_lbw.ui.i18n import Translate, translator

Loras = Callable[[], Mapping[str, Path]]
"""Returns the LoRAs of the home, name -> file, as they are now."""


@dataclass(frozen=True)
class Desk:
    """The presets and the LoRAs of one home. LoRAs are asked for by name, never by path.

    `analyses`: the folder of the home's analyses, None where there are none.
    """

    store: PresetStore
    loras: Loras
    library: Library = field(default_factory=Library)
    analyses: Path | None = None

    def file(self, name: str) -> LoraFile:
        """Return the open file of a LoRA. Raises LoraFileError, naming the nearest, for one that is not there."""
        known = self.loras()
        if name in known:
            return self.library.open(known[name])
        nearest = next(iter(get_close_matches(name, known, 1)), None)
        if nearest is None:
            raise LoraFileError("there is no LoRA called {name!r}", name=name)
        raise LoraFileError("there is no LoRA called {name!r}; did you mean {nearest}?", name=name, nearest=nearest)


@dataclass(frozen=True)
class Question:
    """The values of one question, each read as what it should be, and the language of the answer."""

    values: Mapping[str, Any]
    language: str = "en"

    @property
    def translate(self) -> Translate:
        """The function into the language of the one who asks."""
        return translator(self.language)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text. Raises LbwError when it is missing, and there is no default, or is no text."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise LbwError("the question needs a text called {name!r}", name=name)
        return value

    def number(self, name: str, default: float) -> float:
        """Return a number. Raises LbwError when it is none."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LbwError("the question needs a number called {name!r}", name=name)
        return float(value)

    def numbers(self, name: str) -> dict[str, float]:
        """Return names with a number each. Raises LbwError for anything else."""
        value = self.values.get(name)
        sound = isinstance(value, dict) and all(
            isinstance(each, int | float) and not isinstance(each, bool) for each in value.values()
        )
        if not isinstance(value, dict) or not sound:
            raise LbwError("the question needs numbers called {name!r}", name=name)
        return {str(key): float(each) for key, each in value.items()}

    def kind(self) -> Kind:
        """Return which of the user's two texts is meant. Raises LbwError for another."""
        value = self.text("kind", "presets")
        for kind in KINDS:
            if value == kind:
                return kind
        raise LbwError("{kind!r} is neither presets nor elements", kind=value)

    def family(self, desk: Desk) -> tuple[Family, tuple[str, ...] | None]:
        """Return the family asked for by id, or that of a LoRA with the leaves its file holds.

        Raises FamilyError or LoraFileError.
        """
        if self.values.get("lora"):
            file = desk.file(self.text("lora"))
            return file.family, tuple(file.blocks)
        return family(self.text("family", "sd1")), None

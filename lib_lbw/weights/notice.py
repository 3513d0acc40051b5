"""What a user should know although nothing is wrong: a template with named fields, as errors have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib_lbw.errors import filled


@dataclass(frozen=True)
class Notice:
    """One sentence. `str()` gives it in English, `localized()` through a translation of the template."""

    template: str
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, template: str, **fields: object) -> "Notice":
        """Build a notice; `{name}` in the template is replaced by the field of that name."""
        return cls(template, {name: str(value) for name, value in fields.items()})

    def __str__(self) -> str:
        return self.localized(lambda template: template)

    def localized(self, translate: Callable[[str], str]) -> str:
        """Return the sentence with the template passed through `translate` (template -> template)."""
        return filled(translate(self.template), self.fields)

    def to_json(self) -> dict[str, Any]:
        """Return the notice as JSON values."""
        return {"template": self.template, "fields": dict(self.fields)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Notice":
        """Read what `to_json` wrote."""
        return cls.of(data["template"], **data["fields"])

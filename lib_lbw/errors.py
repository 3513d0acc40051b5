"""Every error a user can meet, as one tree.

    LbwError
    ├── DirectiveError      a `<lora:...>` that cannot mean anything: text, position, nearest right name
    │   └── BlockCountError     a vector whose length fits no layout of the family
    ├── PresetError         a line of a preset file, with its number
    ├── KeyNameError        a tensor name that is no module name of any known spelling
    ├── FamilyError         the family of a file cannot be told, or is not the one asked for
    ├── LoraFileError       a file that is not a sound LoRA: path and what is wrong with it
    │   └── UnsupportedLoraError    a sound file that holds something we cannot apply
    ├── NeedsBaseError      a delta that depends on the base weight, asked for without it
    ├── CheckpointError     a checkpoint that cannot be loaded, and what is missing
    ├── AnalysisError       axes, ranges or a results folder that make no grid
    ├── MergeError          a recipe that cannot be carried out
    │   └── MergeStopped        the user stopped it; nothing was written
    ├── StoreError          presets that cannot be read or saved
    │   └── StoreConflict       the file was changed by somebody else meanwhile: their text
    ├── HostError           the running program refused
    └── StartError          the first start could not set itself up (lib_lbw/start/faults.py)

A message is an English template with named fields, so that a translation is a dictionary from template to template
and the fields stay data. `str(error)` is the English sentence. `{count:module|modules}` is "1 module" or "2 modules".
"""

from collections.abc import Callable, Mapping
from string import Formatter


class _Sentence(Formatter):
    """Fills fields in as `str.format` does; `one|many` behind a field is a number with the word that goes with it."""

    def format_field(self, value: object, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if not bar:
            return str(super().format_field(value, format_spec))
        return f"{value} {one if str(value) == '1' else many}"


def filled(template: str, fields: Mapping[str, object]) -> str:
    """Return the sentence of a template of errors and notices."""
    return _Sentence().vformat(template, (), fields)


class LbwError(Exception):
    """A fault the user can mend. `str()` gives one English sentence; `localized()` the same in another language."""

    def __init__(self, template: str, /, **fields: object) -> None:
        """Keep `template` and `fields` apart; `{name}` in the template is replaced by the field of that name."""
        super().__init__(template, fields)
        self.template = template
        self.fields = fields

    def __str__(self) -> str:
        """Return the English sentence."""
        return self.localized(lambda template: template)

    def localized(self, translate: Callable[[str], str]) -> str:
        """Return the sentence with the template passed through `translate` (template -> template).

        A field that is an error itself, as a reason, is translated too.
        """
        told = {
            name: value.localized(translate) if isinstance(value, LbwError) else value
            for name, value in self.fields.items()
        }
        return filled(translate(self.template), told)


class DirectiveError(LbwError):
    """A directive that cannot be understood.

    `text` is the exact text at fault, `position` its offset in the text that was parsed (0-based),
    `nearest` the closest right spelling, or None.
    """

    def __init__(
        self,
        template: str,
        /,
        *,
        text: str,
        position: int = 0,
        nearest: str | None = None,
        **fields: object,
    ) -> None:
        """Build the error; `text`, `position` and `nearest` are also available to the template."""
        super().__init__(template, text=text, position=position, nearest=nearest, **fields)
        self.text = text
        self.position = position
        self.nearest = nearest


class BlockCountError(DirectiveError):
    """A vector with a number of values that no layout of the family has."""


class PresetError(LbwError):
    """A preset line that is neither a preset nor a comment. `line` counts from 1."""

    def __init__(self, template: str, /, *, line: int, **fields: object) -> None:
        """Build the error for line number `line`."""
        super().__init__(template, line=line, **fields)
        self.line = line


class KeyNameError(LbwError):
    """A tensor or module name that no known spelling explains."""


class FamilyError(LbwError):
    """The model family cannot be told from the keys, or is not the expected one."""


class LoraFileError(LbwError):
    """A file that is damaged, or is not a LoRA in safetensors format."""


class UnsupportedLoraError(LoraFileError):
    """A sound file with content that cannot be applied; the message names the modules."""


class NeedsBaseError(LbwError):
    """A delta (DoRA, OFT, BOFT, IA3, GLoRA) that is a function of the base weight, asked for without it."""


class CheckpointError(LbwError):
    """A checkpoint that cannot be loaded; the message says which file is missing and where to put it."""


class AnalysisError(LbwError):
    """An analysis that cannot be planned, resumed or written."""


class HostError(LbwError):
    """The running program (pipeline, WebUI) cannot do what was asked."""


class MergeError(LbwError):
    """A recipe that cannot be carried out: what stands in the way, and in which file or module."""


class MergeStopped(MergeError):  # noqa: N818 - a wish, not a fault
    """The user stopped the work; nothing was written."""


class StoreError(LbwError):
    """Presets that cannot be read or saved; what was there before is still there."""


class StoreConflict(StoreError):  # noqa: N818 - both sides are right
    """The file was changed by somebody else since it was read. `theirs` is its text now."""

    def __init__(self, template: str, /, *, theirs: str, **fields: object) -> None:
        """Build the error with the text that stands in the file now."""
        super().__init__(template, **fields)
        self.theirs = theirs

"""How faults in a directive are worded: the exact text, and the nearest right one where there is one."""

from collections.abc import Iterable
from difflib import get_close_matches

from lib_lbw.errors import DirectiveError


def closest(text: str, right: Iterable[str]) -> str | None:
    """Return the right spelling most like `text`, letter case aside, or None when nothing is alike."""
    by_fold: dict[str, str] = {}
    for word in right:
        by_fold.setdefault(word.casefold(), word)
    found = get_close_matches(text.casefold(), by_fold, n=1)
    return by_fold[found[0]] if found else None


def fault(template: str, text: str, position: int, nearest: str | None = None, **fields: object) -> DirectiveError:
    """Build a DirectiveError; with a `nearest` the sentence ends in the question whether that was meant."""
    if nearest is not None:
        template += "; did you mean {nearest}?"
    return DirectiveError(template, text=text, position=position, nearest=nearest, **fields)


def placed(error: DirectiveError, text: str, position: int) -> DirectiveError:
    """Return the same fault as one of `text` at `position`, for what was found without knowing where it stands."""
    others = {name: value for name, value in error.fields.items() if name not in ("text", "position", "nearest")}
    return type(error)(error.template, text=text, position=position, nearest=error.nearest, **others)

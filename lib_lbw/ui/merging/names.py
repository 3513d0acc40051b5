"""Files by name alone in what panels say: a page may be open to others, whom the folders of the disk do not concern."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from lib_lbw.errors import LbwError

Asked = ParamSpec("Asked")
Told = TypeVar("Told")
_SUFFIX = ".safetensors"


def by_name(error: LbwError) -> LbwError:
    """Return the error itself, its files told by name, and those that it gives as a reason likewise."""
    error.fields = {name: _bare(value) for name, value in error.fields.items()}
    return error


def telling_names(answer: Callable[Asked, Told]) -> Callable[Asked, Told]:
    """Return the answer to a question whose errors tell files by name."""

    @wraps(answer)
    def asked(*args: Asked.args, **values: Asked.kwargs) -> Told:
        try:
            return answer(*args, **values)
        except LbwError as error:
            by_name(error)
            raise

    return asked


def _bare(value: Any) -> Any:
    if isinstance(value, Path):
        return value.stem if value.suffix == _SUFFIX else value.name
    if isinstance(value, LbwError):
        return by_name(value)
    if isinstance(value, OSError):  # whose text ends in the whole path
        return value.strerror or type(value).__name__
    return value

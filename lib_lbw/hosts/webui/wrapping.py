"""Wrappers around functions of a host that can always be taken off again, whoever else has wrapped them meanwhile."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib_lbw.errors import HostError

_MARK = "__lbw_wrapper__"


@dataclass
class _Switch:
    """Whether a wrapper still does anything. It lies on the host, where a later import of this package finds it."""

    on: bool = True


class Patches:
    """The wrappers of one owner, taken off together."""

    def __init__(self) -> None:
        self._made: list[tuple[object, str, Any, _Switch]] = []

    def wrap(self, target: object, field: str, replacement: Callable[..., Any]) -> None:
        """Let `replacement(original, *args, **kwargs)` answer for `target.field`.

        `target` is a module or a class; the methods of a class get `self` after `original`. Of several wrappers of
        this package around one field only the newest acts: an older one is taken off, or, where somebody else has
        wrapped it since, hands every call on. Raises HostError when there is nothing to wrap.
        """
        current: Any = getattr(target, field, None)
        if not callable(current):
            raise HostError("this WebUI has no {field} in its {target}", field=field, target=_name(target))
        remembered = f"_lbw_switch_{field}"
        older = getattr(target, remembered, None)
        if older is not None:
            older.on = False
        original = _unwrapped(current)
        switch = _Switch()
        wrapper = _wrapper(original, replacement, switch)
        setattr(target, remembered, switch)
        setattr(target, field, wrapper)
        self._made.append((target, field, wrapper, switch))

    def undo(self) -> None:
        """Take all wrappers off. One that somebody else has wrapped stays, and hands every call on."""
        while self._made:
            target, field, wrapper, switch = self._made.pop()
            switch.on = False
            original = wrapper.__wrapped__
            if getattr(target, field, None) is wrapper:
                setattr(target, field, original)
            remembered = f"_lbw_switch_{field}"
            if getattr(target, remembered, None) is switch:
                delattr(target, remembered)


def _wrapper(original: Callable[..., Any], replacement: Callable[..., Any], switch: _Switch) -> Any:
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs) if switch.on else original(*args, **kwargs)

    setattr(wrapper, _MARK, wrapper)
    return wrapper


def _unwrapped(function: Any) -> Any:
    """Return what lies under our own wrappers."""
    while _is_ours(function):
        function = function.__wrapped__
    return function


def _is_ours(function: object) -> bool:
    """Tell whether a function is a wrapper of this package, of whichever import.

    Its mark is itself: `functools.wraps` copies marks to whoever wraps us, and those are not ours to take off.
    """
    return getattr(function, _MARK, None) is function


def _name(target: object) -> str:
    return str(getattr(target, "__name__", type(target).__name__))

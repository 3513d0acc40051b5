"""Which words stand on which component, so that one event changes the language of a whole page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import gradio as gr

from lib_lbw.ui.i18n import Translate

_Component = TypeVar("_Component")
Word = str | Sequence[tuple[str, object]]
Words = Mapping[str, Word]


class Labels:
    """A record, filled while a page is built, of components and their English words.

    A word is given under the name of the component's property ("label", "info", "placeholder", "value", "choices").
    """

    def __init__(self) -> None:
        self._components: list[Any] = []
        self._words: list[Words] = []

    def new(self, kind: Callable[..., _Component], words: Words, *values: object, **properties: object) -> _Component:
        """Make a component of `kind` that says `words`, and note them. Choices are pairs of a word and a value."""
        component = kind(*values, **words, **properties)
        self._components.append(component)
        self._words.append(words)
        return component

    @property
    def components(self) -> list[Any]:
        """The components, in the order of `updates`."""
        return list(self._components)

    def updates(self, translate: Translate) -> list[Any]:
        """Return one `gr.update` a component with its words in the language of `translate`."""
        return [
            gr.update(**{name: _translated(word, translate) for name, word in words.items()}) for words in self._words
        ]


def _translated(word: Word, translate: Translate) -> Any:
    if isinstance(word, str):
        return translate(word)
    return [(translate(shown), value) for shown, value in word]

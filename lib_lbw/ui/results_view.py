"""The views of an outcome, as the updates of their components."""

from typing import Any

import gradio as gr

from lib_lbw.blocks.family import Family
from lib_lbw.ui.diagram_panel import effect_figure
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.messages import text_notices
from lib_lbw.ui.outcome import NUMBERS, Outcome, block_numbers, captioned, summary, table

VIEWS = 11
"""How many components show an outcome: the box, Continue, the state, four with words, two grids, the files, the
diagram's box."""


def figure(shown: Outcome, number: str, family: Family, translate: Translate) -> str:
    """Return the diagram coloured by one of `NUMBERS`."""
    numbers = block_numbers(shown, number, family)
    return effect_figure(numbers, family, shown.present, NUMBERS[number][1], translate)


def words(shown: Outcome | None, number: str, family: Family, translate: Translate) -> list[Any]:
    """Return the updates of what has words in it: summary, diagram, table, captioned pictures."""
    if shown is None:
        return [gr.update()] * 4
    kind = "lbw-info" if shown.complete else "lbw-notice"
    sentence = element("div", element("p", escape(summary(shown, translate))), class_=f"lbw-message {kind}")
    sentence += text_notices(shown.notices, translate)
    return [sentence, figure(shown, number, family, translate), table(shown, translate), captioned(shown, translate)]


def everything(shown: Outcome, number: str, family: Family, translate: Translate) -> list[Any]:
    """Return the updates of all `VIEWS`, in the order of `ResultViews.all`."""
    pictures = [shown.grid, shown.diff_grid, list(shown.files)]
    diagram = gr.update(visible=bool(shown.blocks))
    more = gr.update(visible=not shown.complete)
    return [gr.update(visible=True), more, shown, *words(shown, number, family, translate), *pictures, diagram]

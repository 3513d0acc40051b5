"""The block diagram with its caption and key, as the HTML of one component."""

from collections.abc import Collection

from lib_lbw.blocks.family import Family
from lib_lbw.ui.diagram import diagram, legend
from lib_lbw.ui.diagram_cells import short
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.markup import element, escape
from lib_lbw.weights.block_weights import BlockWeights


def weights_figure(weights: BlockWeights, family: Family, present: Collection[str] | None, translate: Translate) -> str:
    """Return the diagram of a resolved directive as a figure."""
    caption = element("strong", escape(weights.lora)) + element("span", escape(_strengths(weights, translate)))
    drawing = diagram(weights, family, present=present, translate=translate)
    return _figure(caption, drawing, legend(translate))


def empty_figure(family: Family, translate: Translate) -> str:
    """Return the diagram of a prompt without LoRA."""
    caption = element("span", escape(translate("No LoRA in the prompt")))
    return _figure(caption, diagram({}, family, translate=translate), legend(translate))


def _figure(caption: str, drawing: str, key: str) -> str:
    return element("figure", element("figcaption", caption) + drawing + key, class_="lbw-figure")


def _strengths(weights: BlockWeights, translate: Translate) -> str:
    parts = [
        say(
            translate,
            "text encoder × {te}, U-Net × {unet}",
            te=short(weights.te),
            unet=short(weights.unet),
        )
    ]
    if weights.schedule is not None:
        parts.append(say(translate, "steps {steps}", steps=weights.schedule))
    return " · ".join(parts)

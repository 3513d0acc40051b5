"""The parameter text of a picture, in the format that the WebUIs write and read.

Three parts on lines of their own: the prompt as the user typed it, `Negative prompt: ...`, and comma-separated
`Key: value` pairs. A value with a comma, a colon or a line break is written as a JSON string.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lib_lbw.hosts.base import Picture
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.grammar import format_directive

KEY = "LBW"
"""Key of the resolved directives: the same tags with numbers only, so that no preset is needed to draw them again."""


@dataclass(frozen=True)
class Drawn:
    """What is to be told of a picture: the prompt with its directives, the settings, the weights and the model."""

    prompt: str
    picture: Picture
    weights: Sequence[BlockWeights]
    model: str = ""


def parameters(drawn: Drawn) -> str:
    """Return the parameter text of a picture."""
    picture = drawn.picture
    pairs: dict[str, object] = {
        "Steps": picture.steps,
        "Sampler": picture.sampler,
        "CFG scale": f"{picture.cfg_scale:g}",
        "Seed": picture.seed,
        "Size": f"{picture.width}x{picture.height}",
        "Model": drawn.model,
        KEY: ", ".join(format_directive(weights.resolved()) for weights in drawn.weights),
    }
    lines = [drawn.prompt]
    if picture.negative_prompt:
        lines.append(f"Negative prompt: {picture.negative_prompt}")
    lines.append(", ".join(f"{key}: {_quoted(str(value))}" for key, value in pairs.items() if value != ""))
    return "\n".join(lines)


def _quoted(value: str) -> str:
    """Write a value so that commas and colons in it do not end it."""
    return json.dumps(value, ensure_ascii=False) if any(letter in value for letter in ',:\n"') else value

"""Calls of the WebUI's own X/Y/Z plot."""

from typing import Any

import pytest

from tests.webui.client import Refused, WebUI


def plot_arguments(webui: WebUI, kind: str, values: str) -> list[Any]:
    """Return the arguments of a plot with one axis, of the kind whose label holds `kind`; skip where none is told."""
    try:
        scripts = webui.call("GET", "/sdapi/v1/script-info")
    except Refused:
        pytest.skip("this WebUI fails to tell of its scripts over HTTP")
    plot = next(each for each in scripts if each["name"].lower() == "x/y/z plot" and not each["is_img2img"])
    labels = [argument["label"] for argument in plot["args"]]
    arguments = [argument["value"] for argument in plot["args"]]
    choices = plot["args"][0].get("choices") or []
    place = next((index for index, label in enumerate(choices) if kind in str(label)), None)
    if place is None:
        pytest.skip("this WebUI does not tell the choices of its plot over HTTP")
    for axis, chosen in (("X", place), ("Y", 0), ("Z", 0)):  # the first kind is nothing; the script wants its number
        arguments[labels.index(f"{axis} type")] = chosen
    written = labels.index("X values")
    arguments[written : written + 2] = [values, values.split(",")]  # as text, and as chosen from a list
    arguments[labels.index("Include Sub Images")] = True
    return arguments

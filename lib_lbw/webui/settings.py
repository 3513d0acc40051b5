"""The settings of this extension, in a section of their own."""

from typing import Any

import gradio as gr

from lib_lbw.hosts.webui.gate import OnBad
from lib_lbw.webui import host

ON_BAD = "lbw_on_bad_directive"
POPOVER = "lbw_prompt_popover"
TITLE = "LoRA Block Weight"


def add_settings() -> None:
    """Add the section to the WebUI's settings."""
    from modules import shared

    section = ("lbw", TITLE)

    def add(key: str, setting: Any, explained: str) -> None:
        shared.opts.add_option(key, setting.info(explained))
        shared.opts.data.setdefault(key, setting.default)  # 1.6 cannot override for one request what is not there

    add(
        ON_BAD,
        shared.OptionInfo(
            "stop", "When weights in a prompt cannot be understood", gr.Radio, {"choices": ["stop", "ignore"]},
            section=section,
        ),
        "stop: no picture is made with weights nobody asked for; ignore: the LoRA acts as a plain tag, and is told of",
    )  # fmt: skip
    add(
        POPOVER,
        shared.OptionInfo(True, "Show the editor of block weights at the LoRA tags of the prompt", section=section),
        "where the caret is; counts as soon as the settings are applied",
    )


def on_bad() -> OnBad:
    """Return what becomes of a directive that cannot be understood."""
    return "ignore" if host.option(ON_BAD, "stop") == "ignore" else "stop"

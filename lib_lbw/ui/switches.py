"""The buttons of a job: what begins one is off while it runs, what stops it is off while none does."""

from typing import Any

import gradio as gr


def switched(running: bool, beginners: int) -> list[Any]:
    """Return the updates of so many buttons that begin a job, and of the one that stops it."""
    return [*[gr.update(interactive=not running)] * beginners, gr.update(interactive=running)]

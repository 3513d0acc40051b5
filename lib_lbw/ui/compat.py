"""The versions of gradio, 3.41 to 6: the only file that knows how they differ.

Panels use the components that all versions share; a keyword that was renamed or moved goes through here.
"""

from collections.abc import Mapping
from typing import Any

import gradio as gr

MAJOR = int(gr.__version__.split(".", maxsplit=1)[0])

#: Put as the default value of a handler's parameter, it makes gradio show that handler's progress.
PROGRESS = gr.Progress()


def element_id(name: str) -> str:
    """Return the DOM id of `name`; every id of ours begins `lbw-`."""
    return f"lbw-{name}"


def page(*, title: str, css: str, theme: Any, head: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keywords of `gr.Blocks()` and of `launch()` for a page; gradio 6 moved the looks to the latter."""
    looks = {"css": css, "theme": theme, "head": head}
    blocks: dict[str, Any] = {"title": title, "analytics_enabled": False}
    if MAJOR >= 5:
        blocks["fill_width"] = True
    if MAJOR >= 6:
        return blocks, {**looks, "footer_links": [], "run_history": False}
    if MAJOR < 4:
        del looks["head"]
    return {**blocks, **looks}, {}


def script(source: str) -> dict[str, str]:
    """Return the keyword that runs `source`, a JavaScript function, with an event."""
    return {"js" if MAJOR >= 4 else "_js": source}


def copyable() -> dict[str, Any]:
    """Return the keyword of a text box with a button that copies its text."""
    return {"buttons": ["copy"]} if MAJOR >= 6 else {"show_copy_button": True}


def picture_format(name: str) -> dict[str, str]:
    """Return the keyword of an image that is sent to the browser in this format; gradio 3 sends PNG."""
    return {"format": name} if MAJOR >= 4 else {}


def picture_buttons() -> dict[str, Any]:
    """Return the keyword of an image with a download and a full-screen button, and no sharing."""
    return {"buttons": ["download", "fullscreen"]} if MAJOR >= 6 else {"show_download_button": True}


def gallery_buttons() -> dict[str, Any]:
    """Return the same for a gallery."""
    return {"buttons": ["download", "fullscreen"]} if MAJOR >= 6 else {"show_share_button": False}


def table_height(pixels: int) -> dict[str, int]:
    """Return the keyword of a table that scrolls beyond this height."""
    return {"max_height" if MAJOR >= 5 else "height": pixels}


def long_job(progress_on: Any) -> dict[str, Any]:
    """Return the keywords of an event that takes long: one at a time, progress shown on one component."""
    if MAJOR < 4:
        return {}
    keywords: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "lbw-long-job"}
    return {**keywords, "show_progress_on": progress_on} if MAJOR >= 6 else keywords


def quick() -> dict[str, Any]:
    """Return the keywords of an event that is done at once: nothing is shown of it, and only the latest one counts."""
    keywords: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    return {**keywords, "trigger_mode": "always_last"} if MAJOR >= 4 else keywords


def request_headers(request: gr.Request | None) -> Mapping[str, str]:
    """Return the headers of the browser's request; empty for a call without a browser."""
    return dict(request.headers) if request is not None and request.headers else {}


def owner(request: gr.Request | None) -> str:
    """Return a name for the browser page that sent a request, so that one page cannot stop another's job."""
    return str(getattr(request, "session_hash", None) or "local")

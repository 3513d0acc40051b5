"""The looks of the app: system fonts (nothing is fetched), slate and blue."""

from typing import Any

import gradio as gr

_SANS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Hiragino Sans",
    "Yu Gothic UI",
    "Noto Sans CJK JP",
    "sans-serif",
)
_MONO = ("ui-monospace", "Cascadia Mono", "Consolas", "Noto Sans Mono", "DejaVu Sans Mono", "monospace")


def theme() -> Any:
    """Return the gradio theme."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.blue,
        secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        font=list(_SANS),
        font_mono=list(_MONO),
    )

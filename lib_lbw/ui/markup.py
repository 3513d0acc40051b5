"""Text to HTML: the one place that escapes."""

import html

#: A template engine of the page may read `${...}`, `{{...}}` and backquotes in an HTML value, so they are escaped too.
_TEMPLATE_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "${}`"}
_VOID = frozenset({"br", "hr"})


def escape(text: object) -> str:
    """Return `text` as HTML that shows exactly this text, in element content and in quoted attributes."""
    return html.escape(str(text), quote=True).translate(_TEMPLATE_MARKS)


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """Return one HTML or SVG element.

    `content` is markup, already escaped. Attribute values are escaped; `class_` is `class`, and an underscore in any
    other attribute name stands for a hyphen. An attribute whose value is None is left out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>" if tag in _VOID else f"<{tag}{written}>{content}</{tag}>"

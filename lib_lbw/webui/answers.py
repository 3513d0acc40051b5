"""What a prompt means, for programs: the numbers of every tag, or its fault."""

from typing import Any

from lib_lbw.errors import LbwError
from lib_lbw.hosts.webui.tags import directive_of
from lib_lbw.ui.door.door import error_json
from lib_lbw.ui.i18n import english
from lib_lbw.webui.overlay import Books, Overlay, books
from lib_lbw.webui.resolver import Resolver
from lib_lbw.weights.grammar import Found, find_directives, format_directive


def resolve_prompt(
    resolver: Resolver, prompt: str, seed: int = 0, presets: str = "", elements: str = ""
) -> dict[str, Any]:
    """Return the tags of the prompt in order; `seed` is for random weights.

    `presets` and `elements` are texts as in the preset files, for this question alone. Raises StoreError when the
    saved presets cannot be read.
    """
    known = books(resolver.desk.store, Overlay(True, presets, elements))
    return {"tags": [_tag(found, resolver, known, seed) for found in find_directives(prompt)]}


def _tag(found: Found, resolver: Resolver, known: Books, seed: int) -> dict[str, Any]:
    told: dict[str, Any] = {"text": found.text, "start": found.start, "end": found.end}
    try:
        directive = directive_of(found)
        told["name"] = directive.name
        resolver.desk.file(directive.name)
        entry = resolver.weigh(directive, known, seed)
    except LbwError as error:
        return {**told, "error": error_json(error, english)}
    assert entry is not None  # the file is there
    made = entry.weights
    return {
        **told,
        "family": entry.family.id,
        "weights": dict(made.weights),
        "rules": [rule.to_json() for rule in made.rules],
        "schedule": made.schedule and made.schedule.to_json(),
        "numbers": format_directive(made.resolved()),
        "notices": [str(notice) for notice in made.notices],
    }

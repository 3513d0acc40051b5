"""The LoRAs of a prompt as block diagrams, and what is wrong with its tags."""

from lib_lbw.errors import DirectiveError, LbwError
from lib_lbw.hosts.webui.tags import directive_of
from lib_lbw.ui.diagram_panel import weights_figure
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.markup import element
from lib_lbw.ui.messages import error_message, notice_message, plain_message
from lib_lbw.webui.overlay import Books, Overlay, books
from lib_lbw.webui.resolver import Resolver
from lib_lbw.weights.grammar import Found, find_directives


def prompt_weights(prompt: str, seed: int, resolver: Resolver, translate: Translate) -> str:
    """Return the HTML of all tags of a prompt. Faults are shown, never raised."""
    try:
        known = books(resolver.desk.store, Overlay())
    except LbwError as error:
        return error_message(error, translate)
    shown = [_tag(found, prompt, seed, resolver, known, translate) for found in find_directives(prompt)]
    if not shown:
        return plain_message(translate, "No LoRA in the prompt")
    return element("div", "".join(shown), class_="lbw-figures")


def _tag(found: Found, prompt: str, seed: int, resolver: Resolver, known: Books, translate: Translate) -> str:
    try:
        directive = directive_of(found)
        file = resolver.desk.file(directive.name)
        entry = resolver.weigh(directive, known, seed)
    except DirectiveError as error:
        return error_message(error, translate, prompt if found.directive is None else "")
    except LbwError as error:
        return error_message(error, translate)
    if entry is None:
        return ""
    notices = "".join(notice_message(notice, translate) for notice in entry.weights.notices)
    return weights_figure(entry.weights, file.family, tuple(file.blocks), translate) + notices

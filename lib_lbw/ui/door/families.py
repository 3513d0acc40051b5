"""Questions about model families: their blocks, their layouts, and the drawing of them."""

from typing import Any

from lib_lbw.blocks.family import Family, families
from lib_lbw.ui.diagram import diagram
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.i18n import Translate, dictionary
from lib_lbw.ui.roles import roles


def list_families(desk: Desk, question: Question) -> dict[str, Any]:
    """Return every known family with the lengths of its vectors."""
    return {
        "families": [
            {"id": each.id, "title": each.title, "lengths": sorted(each.layouts), "length": each.full_length}
            for each in families()
        ]
    }


def show_family(desk: Desk, question: Question) -> dict[str, Any]:
    """Return one family, or that of a LoRA: its blocks, layouts, roles, and the SVG of its blocks at 1."""
    family, present = question.family(desk)
    blank = dict.fromkeys(family.shown(), 1.0)
    return {
        "id": family.id,
        "title": family.title,
        "blocks": list(family.shown()),
        "groups": {name: list(leaves) for name, leaves in family.groups.items()},
        "layouts": {str(length): list(names) for length, names in family.layouts.items()},
        "length": family.full_length,
        "attention_length": family.attention_length,
        "roles": _roles(family, question.translate),
        "svg": diagram(blank, family, present=present, translate=question.translate),
    }


def _roles(family: Family, translate: Translate) -> dict[str, dict[str, str]]:
    return {
        block: {"role": translate(role.text), "source": translate(role.source)}
        for block, role in roles(family.id).items()
    }


def words(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the page's dictionary in the language of the one who asks: English template -> template."""
    return {"words": dict(dictionary(question.language))}


ANSWERS = {"words": words, "families": list_families, "family": show_family}

"""A stand-in for the host's extra networks: tags of a prompt, and their activation.

Errors there are only logged; a network that failed is activated once more, without any tag.
"""

import re
from collections import defaultdict

from modules import errors

extra_network_registry = {}
extra_network_aliases = {}


class ExtraNetworkParams:
    def __init__(self, items=None):
        self.items = items or []
        self.positional, self.named = [], {}
        for item in self.items:
            parts = item.split("=", 2) if isinstance(item, str) else [item]
            if len(parts) == 2:
                self.named[parts[0]] = parts[1]
            else:
                self.positional.append(item)

    def __eq__(self, other):
        return self.items == other.items


class ExtraNetwork:
    def __init__(self, name):
        self.name = name


def register_extra_network(each):
    extra_network_registry[each.name] = each


def register_extra_network_alias(each, alias):
    extra_network_aliases[alias] = each


def parse_prompt(prompt):
    found = defaultdict(list)

    def take(match):
        found[match[1]].append(ExtraNetworkParams(items=match[2].split(":")))
        return ""

    return re.sub(r"<(\w+):([^>]+)>", take, prompt), found


def parse_prompts(prompts):
    parsed = [parse_prompt(prompt) for prompt in prompts]
    return [text for text, _ in parsed], parsed[0][1] if parsed else None


def activate(p, data):
    lists, activated = {}, []
    for kind, tags in data.items():
        each = extra_network_registry.get(kind) or extra_network_aliases.get(kind)
        if each is not None:
            lists.setdefault(each, []).extend(tags)
    for each, tags in [*lists.items(), *((other, []) for other in extra_network_registry.values())]:
        if each in activated:
            continue
        try:
            each.activate(p, tags)
            activated.append(each)
        except Exception as error:  # noqa: BLE001 - as the host does
            errors.display(error, "activating")
    if p.scripts is not None:
        p.scripts.after_extra_networks_activate(p, extra_network_data=data)

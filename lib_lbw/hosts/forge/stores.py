"""The places where the hosts keep the patches of LoRAs, and how one LoRA's new entries are found in them.

An entry is a sequence whose element 0 is its strength; what follows differs from host to host and is passed on as it
is. Four stores are known, told apart by what grew:

    lora_patches            Forge: {(file, strength, strength of the model, online): {key: [entry, ...]}}
    patches                 reForge, Classic, Neo: {key: [entry, ...]}
    online_patches          older Neo: the same, merged in every forward
    weight_wrapper_patches  Neo: {key: [function, ...]}; those with a `patch` hold their entry in `patch[0]`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

PatchEntry: TypeAlias = Sequence[Any]


@dataclass(frozen=True)
class Live:
    """An entry that the host shall add in every forward, reading its strength (element 0) anew each time."""

    entry: list[Any]


Change: TypeAlias = Callable[[str, PatchEntry], PatchEntry | Live | None]
"""(key, entry) -> the entry to keep, itself if nothing changes; None to leave it out."""

_LISTS = ("patches", "online_patches")
_WRAPPERS = "weight_wrapper_patches"
_ONLINE_LENGTH = 6


@dataclass(frozen=True)
class Growth:
    """How many entries a LoRA added to a patcher, and how many of them were kept."""

    added: int = 0
    kept: int = 0

    def __add__(self, other: "Growth") -> "Growth":
        return Growth(self.added + other.added, self.kept + other.kept)


def scaled(entry: PatchEntry, ratio: float) -> PatchEntry:
    """Return `entry` with its strength multiplied; the very same object at ratio 1, so that nothing can change."""
    return entry if ratio == 1.0 else with_strength(entry, entry[0] * ratio)


def with_strength(entry: PatchEntry, strength: float) -> PatchEntry:
    """Return a copy of `entry`, of the same type, with another strength."""
    made: PatchEntry = type(entry)((strength, *entry[1:]))  # type: ignore[call-arg]
    return made


def live(entry: PatchEntry) -> Live | None:
    """Return `entry` in the form that its host merges in the forward, or None where there is none.

    Forge and older Neo keep lists, and merge those of some names or places in the forward. Newer Neo keeps tuples whose
    sixth and last element asks for it; a list does as well.
    """
    if isinstance(entry, list):
        return Live(list(entry))
    return Live([*entry[:-1], True]) if len(entry) == _ONLINE_LENGTH else None


def online(entry: PatchEntry) -> bool:
    """Tell whether an entry of newer Neo is merged in the forward."""
    return len(entry) == _ONLINE_LENGTH and bool(entry[-1])


def replaces_weight(entry: PatchEntry) -> bool:
    """Tell whether the entry overwrites the weight, whatever its strength."""
    payload = entry[1]
    return (
        isinstance(payload, tuple | list) and len(payload) == 2 and isinstance(payload[0], str) and payload[0] == "set"
    )


def reweigh(old: Any, new: Any, change: Change, mark: str) -> Growth:
    """Pass every entry that patcher `new` has beyond its parent `old` through `change`.

    `mark` tells changed LoRAs of one file apart where the store goes by file name. The parent is not touched: hosts
    copy dicts and lists when they clone a patcher.
    """
    growth = _reweigh_named(old, new, change, mark) if hasattr(new, "lora_patches") else Growth()
    for field in _LISTS:
        if isinstance(getattr(new, field, None), dict):
            growth += _reweigh_lists(getattr(old, field), getattr(new, field), change)
    if isinstance(getattr(new, _WRAPPERS, None), dict):
        growth += _reweigh_wrappers(getattr(old, _WRAPPERS), getattr(new, _WRAPPERS), change)
    return growth


def _reweigh_lists(old: dict[str, Any], new: dict[str, Any], change: Change) -> Growth:
    growth = Growth()
    for key in list(new):
        start = len(old.get(key, ()))
        added = new[key][start:]
        kept = [_bare(entry) for entry in _changed(key, added, change)]
        growth += Growth(len(added), len(kept))
        if len(kept) + start:
            new[key] = [*new[key][:start], *kept]
        else:
            del new[key]
    return growth


def _reweigh_named(old: Any, new: Any, change: Change, mark: str) -> Growth:
    """Rename what changed: the host tells by the names alone whether it must merge anew.

    The same file at the same strength overwrites its own earlier patches; these are put back beside the new ones.
    """
    growth = Growth()
    before, after = old.lora_patches, new.lora_patches
    rebuilt = {name: before.get(name, body) for name, body in after.items() if name in before}
    for name, body in after.items():
        if body is before.get(name):
            continue
        kept = {key: _changed(key, entries, change) for key, entries in body.items()}
        growth += Growth(sum(map(len, body.values())), sum(map(len, kept.values())))
        merged = _only(kept, lambda entry: None if isinstance(entry, Live) else entry)
        in_forward = _only(kept, lambda entry: entry.entry if isinstance(entry, Live) else None)
        for is_online, entries in ((name[3], merged), (True, in_forward)):
            if entries:
                rebuilt[_free_name((*name[:3], is_online), rebuilt, mark)] = entries
    new.lora_patches = rebuilt
    return growth


def _only(kept: dict[str, list[Any]], pick: Callable[[Any], Any]) -> dict[str, list[Any]]:
    """Return what `pick` makes of the entries, without those it has None for, and without empty keys."""
    picked = {key: [made for entry in entries if (made := pick(entry)) is not None] for key, entries in kept.items()}
    return {key: entries for key, entries in picked.items() if entries}


def _free_name(name: tuple[Any, ...], taken: dict[Any, Any], mark: str) -> tuple[Any, ...]:
    """Return `name` with `mark` behind its file, and a number if that is taken. The file stays in front."""
    marked = (f"{name[0]}|{mark}" if mark else name[0], *name[1:])
    number = 2
    while marked in taken:
        marked = (f"{name[0]}|{mark}|{number}", *name[1:])
        number += 1
    return marked


def _reweigh_wrappers(old: dict[str, Any], new: dict[str, Any], change: Change) -> Growth:
    growth = Growth()
    for key in list(new):
        start = len(old.get(key, ()))
        kept = []
        for function in new[key][start:]:
            patch = getattr(function, "patch", None)
            if patch is None:
                kept.append(function)
                continue
            entry = change(key, patch[0])
            growth += Growth(1, int(entry is not None))
            if entry is not None:
                patch[0] = _bare(entry)
                kept.append(function)
        if len(kept) + start:
            new[key] = [*new[key][:start], *kept]
        else:
            del new[key]
    return growth


def _changed(key: str, entries: Sequence[PatchEntry], change: Change) -> list[PatchEntry | Live]:
    return [kept for entry in entries if (kept := change(key, entry)) is not None]


def _bare(entry: PatchEntry | Live) -> PatchEntry:
    return entry.entry if isinstance(entry, Live) else entry

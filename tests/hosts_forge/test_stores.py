"""Finding the entries of one LoRA in each of the stores, and changing nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.hosts.forge.stores import Growth, Live, live, replaces_weight, reweigh, scaled

KEYS = st.sampled_from("abc")
ENTRIES = st.lists(st.floats(-2, 2), min_size=1, max_size=3)
STORE = st.dictionaries(KEYS, ENTRIES, max_size=3)


def halved_without_b(key: str, entry: Any) -> Any:
    return None if key == "b" else scaled(entry, 0.5)


def clone(store: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {key: entries[:] for key, entries in store.items()}


def entries_of(strengths: dict[str, list[float]], kind: type) -> dict[str, list[Any]]:
    return {key: [kind((s, ("lora", key), 1.0)) for s in values] for key, values in strengths.items()}


@pytest.mark.parametrize("field", ["patches", "online_patches"])
@pytest.mark.parametrize("kind", [tuple, list])
@given(before=STORE, added=STORE)
def test_lists_by_key(field: str, kind: type, before: dict[str, list[float]], added: dict[str, list[float]]) -> None:
    old = SimpleNamespace(**{field: entries_of(before, kind)})
    parent = clone(getattr(old, field))
    new = SimpleNamespace(**{field: clone(parent)})
    for key, entries in entries_of(added, kind).items():
        getattr(new, field)[key] = [*getattr(new, field).get(key, []), *entries]
    growth = reweigh(old, new, halved_without_b, "x")
    assert getattr(old, field) == parent
    kept = {key: values for key, values in added.items() if key != "b"}
    assert growth == Growth(sum(map(len, added.values())), sum(map(len, kept.values())))
    for key in {*before, *kept}:
        found = getattr(new, field)[key]
        assert found[: len(before.get(key, ()))] == parent.get(key, [])
        assert [entry[0] for entry in found[len(before.get(key, ())) :]] == [s * 0.5 for s in kept.get(key, [])]
        assert all(type(entry) is kind and entry[1:] == kind((("lora", key), 1.0)) for entry in found)
    assert set(getattr(new, field)) == {*before, *kept}


def test_functions_of_older_neo() -> None:
    def function(strength: float) -> Any:
        return SimpleNamespace(patch=[[strength, ("lora", ()), 1.0]])

    foreign = SimpleNamespace()
    theirs = function(1.0)
    old = SimpleNamespace(weight_wrapper_patches={"a": [theirs]})
    new = SimpleNamespace(weight_wrapper_patches={"a": [theirs, function(0.8), foreign], "b": [function(1.0)]})
    assert reweigh(old, new, halved_without_b, "x") == Growth(2, 1)
    assert theirs.patch[0][0] == 1.0
    assert [getattr(each, "patch", [[None]])[0][0] for each in new.weight_wrapper_patches["a"]] == [1.0, 0.4, None]
    assert list(new.weight_wrapper_patches) == ["a"]


def test_what_is_merged_in_the_forward_gets_a_name_of_its_own() -> None:
    body = {"a": [[1.0, "payload", 1.0, None, None]], "c": [[1.0, "payload", 1.0, None, None]]}
    new = SimpleNamespace(lora_patches={("f", 1.0, 1.0, False): body})
    made = live(body["a"][0])
    assert made is not None
    growth = reweigh(SimpleNamespace(lora_patches={}), new, lambda key, entry: made if key == "a" else entry, "x")
    assert growth == Growth(2, 2)
    assert new.lora_patches == {("f|x", 1.0, 1.0, False): {"c": body["c"]}, ("f|x", 1.0, 1.0, True): {"a": body["a"]}}
    assert new.lora_patches[("f|x", 1.0, 1.0, True)]["a"][0] is made.entry


def test_names_of_one_file_never_meet() -> None:
    patcher = SimpleNamespace(lora_patches={})
    for _ in range(3):
        made = SimpleNamespace(lora_patches=patcher.lora_patches.copy())
        made.lora_patches[("f", 1.0, 1.0, False)] = {"a": [[1.0, "payload"]]}
        reweigh(patcher, made, lambda key, entry: entry, "")
        patcher = made
    assert len(patcher.lora_patches) == 3
    assert all(name[0].startswith("f") and len(name) == 4 for name in patcher.lora_patches)


def test_forms_of_entries() -> None:
    plain = (1.0, "payload", 1.0)
    assert scaled(plain, 1.0) is plain
    assert scaled(plain, 0.5) == (0.5, "payload", 1.0)
    assert live(plain) is None
    assert live((1.0, "payload", 1.0, None, None, False)) == Live([1.0, "payload", 1.0, None, None, True])
    listed = [1.0, "payload"]
    copied = live(listed)
    assert copied == Live([1.0, "payload"])
    assert copied is not None
    assert copied.entry is not listed
    assert replaces_weight((1.0, ("set", ("weight",))))
    assert not replaces_weight((1.0, ("diff", ("weight",))))
    assert not replaces_weight((1.0, ("weight",)))
    assert not replaces_weight((1.0, SimpleNamespace(weights=())))

"""A host that fails before, or while, it loads the LoRAs of a prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lib_lbw.hosts.forge import adapter
from lib_lbw.hosts.webui.entries import not_loaded
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.loras import entry, lora, same_bits


def test_when_the_host_itself_fails_no_lora_is_left_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.world.save("a", lora(1))
    base = rig.weights()
    tag = ("a", 1.0, 1.0, entry("a", "lbw=IN01@0.5"))
    wanted = rig.weights(tag)
    copy = type(rig.world.sd.forge_objects).shallow_copy
    faults = [ZeroDivisionError()]

    def failing_once(objects: Any) -> Any:
        if faults:
            raise faults.pop()
        return copy(objects)

    with monkeypatch.context() as patched:
        patched.setattr(type(rig.world.sd.forge_objects), "shallow_copy", failing_once)
        rig.activate(("a", 1.0, 0.5, None))
    assert [type(error) for error in rig.world.errors] == [ZeroDivisionError]
    assert [notice.template for notice in rig.adapter.notices] == [adapter.ABANDONED]
    assert same_bits(rig.world.weights(), base)
    assert same_bits(rig.weights(tag), wanted)


def test_when_the_host_fails_before_it_loads_it_is_told_of(rig: Rig) -> None:
    """It cannot read another extension's multipliers, say, and drops all LoRAs of the prompt."""
    rig.world.save("a", lora(1))
    rig.world.save("of the settings", lora(2))
    base = rig.weights()
    weighed = rig.weights(("a", 1.0, 1.0, entry("a", "lbw=IN01@0.5")))
    for text in ("1@0,0@1", "[0@0,1@1]"):
        assert same_bits(rig.weights(("a", text, text, entry("a", "lbw=IN01@0.5"))), base)
        assert rig.adapter.notices == (not_loaded(),)
        assert same_bits(rig.weights(("a", text, text, None)), base)
        # newer Classic leaves out plain tags of no strength, which look the same
        assert rig.adapter.notices == (() if rig.world.kind == "persistent" else (not_loaded(),))
    rig.adapter.begin([("a", entry("a", "lbw=IN01@0.5"))])
    rig.world.load(("of the settings", 1.0, 1.0))
    rig.adapter.end()
    assert rig.adapter.notices == (not_loaded(),)
    assert same_bits(rig.weights(("a", "1", "1", entry("a", "lbw=IN01@0.5"))), weighed)
    assert rig.adapter.notices == ()


def test_tags_of_no_strength_that_newer_classic_leaves_out_are_not_told_of(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig("persistent")
    rig.world.save("a", lora(1))
    silent = entry("a", "lbw=IN01@0.5")
    silent = replace(silent, weights=replace(silent.weights, te=0.0, unet=0.0))
    rig.adapter.begin([("a", silent), ("a", None)])
    rig.world.load()
    rig.adapter.end()
    assert rig.adapter.notices == ()

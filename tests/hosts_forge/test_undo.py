"""Leaving the host as it was, whoever else is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib_lbw.hosts.forge.adapter import ForgeAdapter
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.little_patchers import ForgeLoader, ReForgePatcher
from tests.hosts_forge.loras import lora, same_bits
from tests.hosts_forge.test_changes import tag


def test_reload_of_the_ui_leaves_the_host_as_it_was(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    networks = rig.world.networks
    rig.weights()
    rig.adapter.uninstall()
    functions = {name: getattr(networks, name) for name in ("load_networks", "load_lora_for_models")}
    methods = (ForgeLoader.refresh, ReForgePatcher.partially_load)
    plain = rig.weights(tag("lbw=NONE"))
    rig.adapter.install()
    rig.adapter.install()
    assert networks.load_networks is not functions["load_networks"]
    weighed = rig.weights(tag("lbw=1,IN01@0.5"))
    assert not same_bits(weighed, plain)
    rig.adapter.uninstall()
    rig.adapter.uninstall()
    assert all(getattr(networks, name) is function for name, function in functions.items())
    assert (ForgeLoader.refresh, ReForgePatcher.partially_load) == methods
    assert same_bits(rig.weights(tag("lbw=1,IN01@0.5")), plain)
    newer = ForgeAdapter(rig.world.host)
    newer.install()
    rig.world.activate(newer, tag("lbw=1,IN01@0.5"))
    assert same_bits(rig.world.weights(), weighed)
    newer.uninstall()


def test_a_wrapper_of_somebody_else_over_ours_keeps_working(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.weights()
    plain = rig.weights(tag(None))
    networks, calls = rig.world.networks, []
    ours = networks.load_lora_for_models

    def theirs(*args: Any, **options: Any) -> Any:
        calls.append(Path(options["filename"]).stem)
        return ours(*args, **options)

    networks.load_lora_for_models = theirs
    assert not same_bits(rig.weights(tag("lbw=1,IN01@0.5")), plain)
    rig.adapter.uninstall()
    assert same_bits(rig.weights(tag("lbw=1,IN01@0.5")), plain)
    assert calls == ["a", "a"]
    assert networks.load_lora_for_models is theirs

"""Files of LoRAs that change on disk: never stale, and read once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lib_lbw.hosts.forge.adapter import ForgeAdapter
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.loras import lora, oracle, same_bits
from tests.hosts_forge.test_changes import tag


def test_a_file_that_changed_on_disk_is_read_again(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    base = rig.weights()
    for text in (None, "lbw=ALL"):
        rig.weights(tag(text))
        digest = rig.adapter.te_digest()
        replace_file(rig, "a", lora(5), later=1)
        found, wanted = rig.weights(tag(text)), oracle(base, [(lora(5), 1.0, 1.0, None)])
        assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)
        assert rig.adapter.te_digest() != digest
        replace_file(rig, "a", lora(1), later=2)


def test_after_a_change_on_disk_files_are_read_once_more_and_then_no_more(rig: Rig) -> None:
    prompts = [tag("lbw=1,IN01@0.5", name) for name in "ab"]
    for seed, name in enumerate("ab"):
        rig.world.save(name, lora(seed))
    for prompt in prompts:
        rig.weights(prompt)
    replace_file(rig, "a", lora(5), later=1)
    first = [rig.weights(prompt) for prompt in prompts]
    rig.world.reads.clear()
    for _ in range(2):
        assert all(same_bits(rig.weights(prompt), once) for prompt, once in zip(prompts, first, strict=True))
    assert rig.world.reads == []


@pytest.mark.parametrize("text", [None, "lbw=1,IN01@0.5"])
def test_a_file_that_changed_while_nobody_looked_is_read_again(rig: Rig, text: str | None) -> None:
    """The UI was reloaded meanwhile, or the extension was off, and the host's cache goes by name."""
    rig.world.save("a", lora(1))
    base = rig.weights()
    rig.weights(tag(text))
    rig.adapter.uninstall()
    for off in (False, True):
        if off:
            rig.world.load(tag(text))
            rig.world.weights()
        replace_file(rig, "a", lora(5 + off), later=1 + off)
        newer = ForgeAdapter(rig.world.host)
        newer.install()
        rig.world.activate(newer, tag(text))
        found, wanted = rig.world.weights(), oracle(base, [(lora(5 + off), 1.0, 1.0, tag(text)[3])])
        assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)
        rig.world.weights()
        assert rig.world.merged == []
        newer.uninstall()


def test_files_that_others_read_are_never_stale_under_a_wrapper_of_somebody_else(rig: Rig) -> None:
    networks = rig.world.networks
    rig.adapter.uninstall()
    networks.load_lora_state_dict = functools.wraps(networks.load_lora_state_dict)(
        _calling(networks.load_lora_state_dict)
    )
    rig.adapter.install()
    rig.world.save("a", lora(1))
    file = str(rig.world.folder / "a.safetensors")
    networks.load_lora_state_dict(file)
    replace_file(rig, "a", lora(5), later=1)
    assert networks.load_lora_state_dict(file) is rig.world.contents["a"]
    replace_file(rig, "a", lora(6), later=2)
    base = rig.weights()
    found, wanted = rig.weights(tag("lbw=ALL")), oracle(base, [(lora(6), 1.0, 1.0, None)])
    assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)


def _calling(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: function(*args, **options)


def replace_file(rig: Rig, name: str, content: dict[Any, Any], *, later: int) -> None:
    """Write a file anew; its time is `later` seconds from now."""
    rig.world.save(name, content)
    path = rig.world.folder / f"{name}.safetensors"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + later * 10**9))

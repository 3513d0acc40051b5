"""The gate: bad directives, what else is in the prompt, the prompt cache, and coming and going."""

import functools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lib_lbw.errors import DirectiveError, HostError
from lib_lbw.hosts.a1111.adapter import A1111Adapter
from lib_lbw.hosts.webui.connect import connect
from lib_lbw.hosts.webui.gate import Gate
from tests.hosts_a1111.model import LAYERS, write_lora
from tests.hosts_a1111.program import Program

BAD = ["<lora:a:1:lbw=midd>", "<lora:a:1:TYPO>", "<lora:a:1:1,0,1>", "<lora:a:1:lbw=1,2,3>", "<lora:a:1:lbw=IN77@1>"]


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_directive_stops_the_picture(host: Program, bad: str) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    before = host.paint("<lora:b:1>")
    with pytest.raises(DirectiveError):
        host.activate(f"<lora:b:1>{bad}")
    assert same(host.weights(), before)
    assert same(host.paint("<lora:b:1>"), before)
    assert not host.errors


@pytest.mark.parametrize("bad", BAD)
def test_or_only_its_weights_are_ignored(host: Program, bad: str) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    want = host.paint("<lora:b:1:lbw=ALL,MID@0><lora:a:1>")
    host.paint("")
    host.forget()
    host.on_bad = "ignore"
    assert same(host.paint(f"<lora:b:1:lbw=ALL,MID@0>{bad}"), want)
    assert len(host.told) == 2
    assert str(host.told[1]) == f"{bad}: its weights are ignored; the LoRA acts as a plain tag."
    assert not host.errors


def test_each_job_may_say_what_becomes_of_a_bad_directive(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    want = host.paint("<lora:a:1>")
    host.paint("")
    p = host.processed()
    p.on_bad = "ignore"
    host.activate(BAD[0], p)
    assert same(host.weights(), want)
    with pytest.raises(DirectiveError):
        host.activate(BAD[0])


def test_the_old_positional_form_keeps_the_other_loras(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    want = host.paint("<lora:b:1><lora:a:1:lbw=MIDD>")
    assert same(host.paint("<lora:b:1><lora:a:1:MIDD>"), want)
    assert not host.errors


def test_the_hosts_own_extra_lora_and_other_kinds_of_tags_are_untouched(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    host.networks.list_available_networks()
    want = host.paint("<lora:a:1:lbw=ALL,MID@0><lora:b:1.0>")
    host.shared.opts.sd_lora = "b"
    p = host.activate("<lyco:a:1:lbw=ALL,MID@0><hypernet:h:1>")
    assert same(host.weights(), want)
    assert {kind: [tag.items for tag in tags] for kind, tags in p.extra_network_data.items()} == {
        "lyco": [["a", "1", "lbw=ALL,MID@0"]],
        "hypernet": [["h", "1"]],
    }


def test_lora_before_lyco_as_the_host_orders_them(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    want = host.paint("<lora:a:0.5:lbw=ALL,MID@0><lora:a:1:lbw=ALL,IN01@0>")
    assert same(host.paint("<lora:a:0.5:lbw=ALL,MID@0><lyco:a:1:lbw=ALL,IN01@0>"), want)


def test_a_kind_of_tag_that_the_host_does_not_know_is_told(host: Program) -> None:
    """Forge and its kin have no `<lyco:...>`; its weights must not go to the next tag of that name."""
    write_lora(host.folder, "a", "sd1")
    want = host.paint("<lora:a:1>")
    host.extra_networks.extra_network_aliases.clear()
    assert same(host.paint("<lyco:a:1:lbw=INALL><lora:a:1>"), want)
    assert "<lyco:a:1:lbw=INALL> has no effect" in str(host.told[0])
    assert not host.errors


@pytest.mark.parametrize("tag", ["<LORA:a:1:lbw=INALL>", "<Lyco:a:1>"])
def test_a_kind_in_capitals_is_told(host: Program, tag: str) -> None:
    """The host drops such a tag without a word on the page."""
    write_lora(host.folder, "a", "sd1")
    want = host.paint("<lora:a:1>")
    assert same(host.paint(f"{tag}<lora:a:1>"), want)
    assert f"{tag} has no effect" in str(host.told[0])


def test_what_is_recorded(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    host.activate("<lora:a:1:lbw=0.5><lora:gone:1:lbw=ALL><lora:a:1>")
    host.activate("")
    [(first, entry), (gone, nothing), (plain, none)], last = host.recorded
    assert (first.name, gone.name, plain.name, last) == ("a", "gone", "a", [])
    assert entry is not None
    assert entry.weights.constant == 0.5
    assert nothing is none is None


def test_notices_of_the_weights_are_told(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    host.activate("<lora:a:1:lbw=ALL,0.5>")
    assert "sets every block" in str(host.told[0])


def test_loras_that_the_host_does_not_load_are_told(host: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lora(host.folder, "a", "sd1")

    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(type(host.networks.extra_network_lora), "activate", broken)
    host.activate("<lora:a:1:lbw=ALL>")
    assert "did not load" in str(host.told[0])


def test_a_host_that_fails_in_the_middle_leaves_nothing_unweighted(
    host: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was loaded before the failure had no weights yet, and layers merged for the picture before would stay."""
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    none = host.paint("")
    weighed = host.paint("<lora:a:1:lbw=ALL,MID@0>")
    assert not same(weighed, none)
    host.gate.uninstall()
    load = host.networks.load_networks

    def fails(*columns: Any) -> None:
        load(*columns)
        raise ValueError("broken")

    monkeypatch.setattr(host.networks, "load_networks", fails)
    host.gate.install()
    host.paint("<lora:a:1:lbw=ALL,MID@0>")
    host.activate("<lora:a:1:lbw=ALL,MID@0><lora:b:1>")
    assert same(host.weights(), none)
    assert host.adapter.te_digest() == ""
    assert "did not load" in str(host.told[0])


def test_a_file_that_is_gone_does_not_act_from_memory(host: Program) -> None:
    """The host goes on with what it read; the tag, whose weights cannot be told without the file, would be plain."""
    write_lora(host.folder, "a", "sd1")
    none = host.paint("")
    assert not same(host.paint("<lora:a:1:lbw=ALL,MID@0>"), none)
    (host.folder / "a.safetensors").unlink()
    host.networks.list_available_networks()
    assert same(host.paint("<lora:a:1:lbw=ALL,MID@0>"), none)


def test_an_installation_that_fails_half_way_leaves_nothing(host: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    host.gate.uninstall()
    bare = host.networks.load_networks, host.networks.network_apply_weights, host.extra_networks.activate
    monkeypatch.delattr(host.processing.StableDiffusionProcessing, "cached_params")
    with pytest.raises(HostError, match="cached_params"):
        host.gate.install()
    assert bare == (host.networks.load_networks, host.networks.network_apply_weights, host.extra_networks.activate)


def cached(host: Program, prompt: str) -> tuple[Any, ...]:
    p = host.activate(prompt)
    return p.cached_params(["cat"], 20, p.extra_network_data)


def test_the_prompt_cache_sees_text_encoders_and_nothing_else(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "unet", "sd1", {each.file: "lora" for each in LAYERS["sd1"] if "_te_" not in each.file})
    all_on = cached(host, "<lora:a:1:lbw=ALL>")
    assert all_on == cached(host, "<lora:a:1>")
    assert all_on == cached(host, "<lora:a:1:lbw=ALL,IN01@0,MID@0.5:start=3>")
    assert all_on != cached(host, "<lora:a:1:lbw=ALL,BASE@0.5>")
    assert cached(host, "<lora:a:1:lbw=ALL,BASE@0>") != cached(host, "<lora:a:1:lbw=ALL,BASE@0.5>")
    assert all_on != cached(host, "<lora:a:0.5:lbw=ALL>")
    assert cached(host, "<lora:unet:1:lbw=ALL>") == cached(host, "<lora:unet:1:lbw=NONE>")
    host.seed = 1
    random = cached(host, "<lora:a:1:lbw=ALL,BASE@R>")
    host.seed = 2
    assert random != cached(host, "<lora:a:1:lbw=ALL,BASE@R>")


def test_ours_are_only_the_tags_of_the_prompt(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    plain = host.paint("<lora:a:1>")
    host.activate("<lora:a:1:lbw=NONE>")
    host.networks.load_networks(["a"], [1.0], [1.0], [None])
    assert same(host.weights(), plain)


def test_install_twice_uninstall_and_a_new_import(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    plain, half = host.paint("<lora:a:1>"), host.paint("<lora:a:1:lbw=0.5>")
    host.gate.install()
    assert same(host.paint("<lora:a:1:lbw=0.5>"), half)
    host.gate.uninstall()
    host.gate.uninstall()
    patched = [(host.networks, "load_networks"), (host.networks, "network_apply_weights")]
    patched += [(host.extra_networks, "activate"), (host.processing.StableDiffusionProcessing, "cached_params")]
    assert not any(hasattr(getattr(target, field), "__lbw_wrapper__") for target, field in patched)
    assert same(host.weights(), plain)
    assert same(host.paint("<lora:a:1:lbw=0.5>"), plain)
    again = Gate(A1111Adapter(), host.gate._policy)
    again.install()
    assert same(host.paint("<lora:a:1:lbw=0.5>"), half)
    again.uninstall()
    assert same(host.weights(), plain)
    leftovers = [name for layer in host.model.layers().values() for name in vars(layer) if name.startswith("_lbw")]
    assert leftovers == []


def test_others_may_wrap_us(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    plain, half = host.paint("<lora:a:1>"), host.paint("<lora:a:1:lbw=0.5>")
    seen = []
    for target, field in [(host.networks, "load_networks"), (host.networks, "network_apply_weights")]:
        inner = getattr(target, field)

        @functools.wraps(inner)
        def outer(*args: Any, inner: Any = inner, field: str = field) -> Any:
            seen.append(field)
            return inner(*args)

        setattr(target, field, outer)
    assert same(host.paint("<lora:a:1:lbw=0.5>"), half)
    host.gate.uninstall()
    assert same(host.paint("<lora:a:1:lbw=0.5>"), plain)
    again = Gate(A1111Adapter(), host.gate._policy)
    again.install()
    assert same(host.paint("<lora:a:1:lbw=0.5>"), half)
    again.uninstall()
    assert set(seen) == {"load_networks", "network_apply_weights"}


def test_a_bare_processing_object_without_tags(host: Program) -> None:
    host.extra_networks.activate(SimpleNamespace(scripts=None), {})
    assert host.recorded == [[]]


def test_connect_finds_this_host(host: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect().name == "a1111"
    monkeypatch.delattr(host.networks, "network_apply_weights")
    with pytest.raises(HostError, match="do not know"):
        connect()


def test_connect_without_the_hosts_extension() -> None:
    with pytest.raises(HostError, match="switched off"):
        connect()


def test_an_extension_that_lets_multipliers_run_with_the_steps(host: Program) -> None:
    """loractl puts its own object in the host's place, reads `1@0,0.5@1` itself and hands on a plain tag."""
    write_lora(host.folder, "a", "sd1")
    base = host.paint("")
    taken = []

    class Running(type(host.networks.extra_network_lora)):  # type: ignore[misc]
        def activate(self, p: Any, params_list: list[Any]) -> None:
            for params in params_list:
                taken.append(params.items[1])
                params.positional, params.named = [params.items[0], 1], {}
            super().activate(p, params_list)

    host.extra_networks.register_extra_network(Running())
    host.extra_networks.register_extra_network_alias(Running(), "lyco")
    assert same(host.paint("<lora:a:1@0,0.5@1:lbw=NONE>"), base)
    want = host.paint("<lora:a:1:lbw=ALL,MID@0>")
    assert same(host.paint("<lora:a:0@0,1@0.5:lbw=ALL,MID@0>"), want)
    assert taken == ["1@0,0.5@1", "1", "0@0,1@0.5"]
    assert not host.errors


def test_other_loras_in_the_hires_prompt_and_inner_pictures(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    prompts = ["<lora:a:1:lbw=ALL,IN01@0>", "<lora:b:1:lbw=0.5><lora:a:0.5>", "<lora:a:1:lbw=MIDD>"]
    alone = []
    for prompt in prompts:
        alone.append(host.paint(prompt))
        host.paint("")
    outer = host.processed()
    for index in (0, 1, 0, 2, 1, 0):  # base, hires, next batch, ADetailer's own process_images, ...
        host.activate(prompts[index], outer if index < 2 else None)
        assert same(host.weights(), alone[index])

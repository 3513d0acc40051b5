"""What the host does to the LoRAs of a prompt without a word on the page is told there."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.hosts_a1111.model import write_lora
from tests.hosts_a1111.program import Program

WEIGHED = "<lora:b:1:lbw=ALL,IN01@0.5>"


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def told(host: Program) -> list[str]:
    return [str(notice) for notice in host.told]


@pytest.fixture
def two(host: Program) -> Program:
    """A host with the LoRAs a and b."""
    for seed, name in enumerate("ab"):
        write_lora(host.folder, name, "sd1", seed=seed + 1)
    host.networks.list_available_networks()
    return host


@pytest.mark.parametrize("always", ["None", "b"])
@pytest.mark.parametrize(
    ("prompt", "unread"),
    [
        ("<lora:a:1@0,0@1:lbw=ALL,IN01@0.5>", "<lora:a:1@0,0@1:lbw=ALL,IN01@0.5>"),
        ("<lora:a:1:te=1@0,0@1:lbw=0>", "<lora:a:1:te=1@0,0@1:lbw=0>"),
        (f"<lora:a:1~0,0~1>{WEIGHED}", "<lora:a:1~0,0~1>"),
        ("<lora:a:1@0,0@1><lora:b:1>", "<lora:a:1@0,0@1>"),
    ],
)
def test_multipliers_that_nobody_reads_cost_all_loras_and_are_told(
    two: Program, prompt: str, unread: str, always: str
) -> None:
    """The host fails on them before it loads anything, and activates once more without the tags."""
    two.shared.opts.sd_lora = always
    two.paint("<lora:a:1:lbw=ALL,IN01@0.5>")
    two.forget()
    two.activate(prompt)
    assert two.errors
    assert [each.name for each in two.networks.loaded_networks] == [] if always == "None" else [always]
    assert "did not load" in told(two)[0]
    assert told(two)[1].startswith(f"{unread}: only another extension")


def test_multipliers_in_brackets_beside_weights_are_told(two: Program) -> None:
    two.activate("<lora:a:[1@0,0@0.5]:lbw=ALL,IN01@0.5>")
    assert "in a tag that holds nothing else" in " ".join(told(two))


class Reads:
    """An extension that reads multipliers which run with the steps, and hands on plain ones."""

    def __init__(self, host: Program) -> None:
        self.name, self._host = "lora", host.networks.extra_network_lora

    def activate(self, p: Any, params_list: list[Any]) -> None:
        for params in params_list:
            params.positional, params.named = [params.items[0], 1], {}
        self._host.activate(p, params_list)


def test_who_overwrites_the_weights_of_another_tag_is_told(two: Program) -> None:
    two.extra_networks.register_extra_network(Reads(two))
    two.activate(f"<lora:b:[1@0,0@0.5]>{WEIGHED}")
    assert told(two) == [
        "<lora:b:[1@0,0@0.5]>: LoRA Control sets all blocks of this LoRA to one strength, also those of its tag with "
        "weights"
    ]
    two.forget()
    two.activate(f"<lora:a:[1@0,0@0.5]>{WEIGHED}<lora:b:1@0,0@1:lbw=0.5>")
    assert told(two) == []


def draw(host: Program, prompts: list[str], size: int, **more: Any) -> None:
    """Activate every batch as the host does: with what it has read from the first prompt of each."""
    p = host.processed()
    p.all_prompts, p.batch_size = prompts, size
    vars(p).update(more)
    for p.iteration in range(-(-len(prompts) // size)):
        p.prompts = p.all_prompts[p.iteration * size : (p.iteration + 1) * size]
        p.prompts, p.extra_network_data = host.extra_networks.parse_prompts(p.prompts)
        host.extra_networks.activate(p, p.extra_network_data)


OTHER = "<lora:b:1:lbw=0.25>"


@pytest.mark.parametrize(
    ("prompts", "size", "more"),
    [
        ([f"a {WEIGHED}", f"b {OTHER}"], 2, {}),
        ([f"a {WEIGHED}", "b"], 2, {}),
        (["a", f"b {OTHER}"], 2, {}),
        (["a", "b <lora:b:1:TYPO>"], 3, {}),
        ([f"a {WEIGHED}", f"b {WEIGHED}", f"c {WEIGHED}", f"d {OTHER}"], 2, {}),
        (["a", "b"], 2, {"all_hr_prompts": [WEIGHED, OTHER]}),
    ],
)
def test_other_weights_inside_a_batch_are_told(two: Program, prompts: list[str], size: int, more: Any) -> None:
    draw(two, prompts, size, **more)
    assert "use batch count instead of batch size" in " ".join(told(two))


@pytest.mark.parametrize(
    ("prompts", "size", "more"),
    [
        ([f"a {WEIGHED}", f"b {OTHER}"], 1, {}),
        ([f"a {WEIGHED}<lora:a:1>", f"b <lora:a:1>{WEIGHED}"], 2, {}),
        ([WEIGHED, WEIGHED, OTHER, OTHER], 2, {}),
        (["a <lora:a:1>", "b <lora:a:0.5>"], 2, {}),
        ([WEIGHED] * 2, 2, {"all_hr_prompts": None}),
    ],
)
def test_batches_that_lose_nothing_are_not(two: Program, prompts: list[str], size: int, more: Any) -> None:
    draw(two, prompts, size, **more)
    assert told(two) == []


def test_a_file_that_the_host_lists_only_while_it_loads_gets_its_weights(
    two: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may have emptied the host's lists just when the tag was read."""
    write_lora(two.folder, "late", "sd1", seed=3)
    want = two.paint("<lora:late:1:lbw=ALL,IN01@0.5><lora:a:1>")
    hidden = (two.folder / "late.safetensors").rename(two.folder / "late.hidden")
    two.networks.list_available_networks()
    two.paint("")
    two.forget()
    look = two.networks.list_available_networks

    def appears() -> None:
        if hidden.exists():
            hidden.rename(two.folder / "late.safetensors")
        look()

    monkeypatch.setattr(two.networks, "list_available_networks", appears)
    assert same(two.paint("<lora:late:1:lbw=ALL,IN01@0.5><lora:a:1>"), want)
    assert two.looked == ["late"]
    ((late, entry), _) = two.recorded[-1]
    assert (late.name, entry is None, len(two.recorded)) == ("late", False, 1)


def test_a_tag_of_a_missing_file_is_activated_once(two: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    load = two.networks.load_networks
    monkeypatch.setattr(two.networks, "load_networks", lambda *columns: (calls.append(columns), load(*columns)))
    two.activate(f"<lora:gone:1:lbw=ALL>{WEIGHED}")
    assert len(calls) == 1


def test_a_bare_processing_object_has_no_batch(two: Program) -> None:
    two.extra_networks.activate(SimpleNamespace(scripts=None, all_prompts=None), {})
    assert told(two) == []

"""Layers under recipes: exact, incremental, restored to the bit."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.recipes import Recipe
from lib_lbw.errors import HostError
from lib_lbw.hosts.parameters import Parameters
from lib_lbw.hosts.patcher import Patcher
from lib_lbw.lora.delta import Delta


class Model(torch.nn.Module):
    """A layer of every kind that LoRAs touch."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(6, 6)
        self.bare = torch.nn.Linear(6, 6, bias=False)
        self.norm = torch.nn.LayerNorm(6)
        self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.to(dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.bare(self.linear(x)))
        return y + self.conv(y[:, None].expand(-1, 3, -1, -1)).mean(1)


NAMES = ("linear", "bare", "norm", "conv")
IDS = {name: ModuleId("unet", name) for name in NAMES}
MISSING = ModuleId("unet", "absent")
scales = st.sampled_from([-1.0, 0.3, 0.5, 1.0, 2.0])
recipe = st.dictionaries(st.sampled_from(["p", "q"]), scales, max_size=2).map(lambda d: tuple(sorted(d.items())))
recipes = st.dictionaries(st.sampled_from([*IDS.values(), MISSING]), recipe.filter(bool))


def delta(lora: str, module: ModuleId, base: Parameters) -> Delta | None:
    """A fixed random delta; file q has biases, also for the layer without one, and nothing for the convolution."""
    source = torch.Generator().manual_seed(sum(map(ord, lora + module.path)))
    if lora == "q" and module.path == "conv":
        return None
    weight = torch.randn(base.weight.shape, generator=source) * 0.1
    bias = torch.randn(base.weight.shape[0], generator=source) * 0.1 if lora == "q" else None
    return Delta(None if lora == "q" and module.path == "norm" else weight, bias)


def expected(model: Model, wanted: dict[ModuleId, Recipe]) -> dict[str, torch.Tensor]:
    """Weights by the definition, in one expression."""
    made = {}
    for name in NAMES:
        own = Parameters.of(getattr(model, name))
        terms = [(s, delta(f, IDS[name], own)) for f, s in wanted.get(IDS[name], ())]
        weight = own.weight.float()
        bias = torch.zeros(weight.shape[0]) if own.bias is None else own.bias.float()
        for scale, part in terms:
            weight = torch.add(weight, part.weight, alpha=scale) if part and part.weight is not None else weight
            bias = torch.add(bias, part.bias, alpha=scale) if part and part.bias is not None else bias
        made[name] = weight.to(own.weight.dtype)
        made[name + ".bias"] = bias.to(own.weight.dtype)
    return made


def shown(model: Model) -> dict[str, torch.Tensor]:
    made = {}
    for name in NAMES:
        now = Parameters.of(getattr(model, name))
        made[name] = now.weight
        made[name + ".bias"] = now.weight.new_zeros(now.weight.shape[0]) if now.bias is None else now.bias
    return made


@contextmanager
def unchanged(model: Model) -> Iterator[None]:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    pointers = {key: value.data_ptr() for key, value in model.state_dict().items()}
    forwards = {name for name in NAMES if "forward" in vars(getattr(model, name))}
    yield
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert {key: value.data_ptr() for key, value in after.items()} == pointers
    assert {name for name in NAMES if "forward" in vars(getattr(model, name))} == forwards


def patcher(model: Model) -> Patcher:
    return Patcher(lambda module: getattr(model, module.path, None), delta)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@settings(deadline=None)
@given(sequence=st.lists(recipes, min_size=1, max_size=6))
def test_every_change_is_base_plus_sum_and_the_end_is_the_beginning(
    dtype: torch.dtype, sequence: list[dict[ModuleId, Recipe]]
) -> None:
    model = Model(dtype)
    own = patcher(model)
    with unchanged(model):
        wanted = [expected(model, one) for one in sequence]
        for one, right in zip(sequence, wanted, strict=True):
            own.change([one])
            now = shown(model)
            assert all(torch.equal(now[key], right[key]) for key in right)
        own.restore()


@settings(deadline=None)
@given(first=recipes, second=recipes)
def test_only_changed_layers_are_touched(first: dict[ModuleId, Recipe], second: dict[ModuleId, Recipe]) -> None:
    own = patcher(Model(torch.float32))
    present = set(IDS.values())
    assert own.change([first]) == len(first.keys() & present)
    assert own.change([first]) == 0
    assert own.change([second]) == sum(first.get(m, ()) != second.get(m, ()) for m in present)


def test_two_thousand_switches_do_not_drift() -> None:
    model = Model(torch.float32)
    own = patcher(model)
    right = expected(model, {IDS["linear"]: (("p", 0.3),)})
    with unchanged(model):
        for turn in range(2000):
            own.change([{IDS["linear"]: (("p", 0.3 if turn % 2 else turn / 1000),), IDS["conv"]: (("p", 1.0),)}])
        assert torch.equal(model.linear.weight, right["linear"])
        own.restore()


def test_switching_off_and_on_again_computes_nothing() -> None:
    asked: list[str] = []

    def counted(lora: str, module: ModuleId, base: Parameters) -> Delta | None:
        asked.append(lora)
        return delta(lora, module, base)

    model = Model(torch.float32)
    own = Patcher(lambda module: getattr(model, module.path, None), counted)
    for _ in range(3):
        own.change([{IDS["linear"]: (("p", 0.3),)}])
        own.change([{}])
    assert asked == ["p"]


@settings(deadline=None, max_examples=50)
@given(samples=st.lists(recipes, min_size=1, max_size=5), rows=st.integers(1, 2), again=recipes)
def test_samples_of_a_batch_have_weights_of_their_own(
    samples: list[dict[ModuleId, Recipe]], rows: int, again: dict[ModuleId, Recipe]
) -> None:
    model = Model(torch.float32)
    x = torch.randn(len(samples) * rows, 4, 6)
    with torch.no_grad(), unchanged(model):
        alone = []
        for number, one in enumerate(samples):
            own = patcher(model)
            own.change([one])
            alone.append(model(x[number * rows : (number + 1) * rows]))
            own.restore()
        own = patcher(model)
        own.change([again])
        own.change(samples)
        assert torch.allclose(model(x), torch.cat(alone), atol=1e-5)
        own.restore()


@pytest.mark.parametrize("odd", [(), (3,), (0, 7), (2, 3, 4, 5, 6)])
def test_few_and_many_odd_samples_in_a_large_batch(odd: tuple[int, ...]) -> None:
    model = Model(torch.float32)
    x = torch.randn(16, 4, 6)
    wanted: list[dict[ModuleId, Recipe]] = [
        {IDS["linear"]: (("p", -1.0 if sample in odd else 1.0),), IDS["conv"]: (("p", 0.5),) if sample in odd else ()}
        for sample in range(8)
    ]
    with torch.no_grad(), unchanged(model):
        alone = []
        for number, one in enumerate(wanted):
            own = patcher(model)
            own.change([one])
            alone.append(model(x[2 * number : 2 * number + 2]))
            own.restore()
        own = patcher(model)
        assert own.change(wanted) == (2 if odd else 1)
        assert torch.allclose(model(x), torch.cat(alone), atol=1e-5)
        own.restore()


def test_a_failing_delta_leaves_the_model_as_it_was() -> None:
    def failing(lora: str, module: ModuleId, base: Parameters) -> Delta | None:
        if lora == "q":
            raise MemoryError
        return delta(lora, module, base)

    model = Model(torch.float32)
    own = Patcher(lambda module: getattr(model, module.path, None), failing)
    everywhere = dict.fromkeys(IDS.values(), (("p", 1.0),))
    with unchanged(model):
        own.change([everywhere, {}])
        with pytest.raises(MemoryError):
            own.change([{**everywhere, IDS["norm"]: (("q", 1.0),)}])


def test_rows_that_belong_to_nobody_are_refused() -> None:
    model = Model(torch.float32)
    own = patcher(model)
    own.change([{IDS["linear"]: (("p", 1.0),)}, {}])
    with pytest.raises(HostError, match="3 rows for 2 samples"):
        model(torch.zeros(3, 4, 6))
    own.restore()


def test_a_model_moved_meanwhile_gets_its_weights_back_where_it_is() -> None:
    model = Model(torch.float32)
    before = {key: value.double() for key, value in model.state_dict().items()}
    own = patcher(model)
    own.change([dict.fromkeys(IDS.values(), (("q", 1.0),))])
    model.to(torch.float64)
    own.change([dict.fromkeys(IDS.values(), (("p", 0.5),))])
    own.restore()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_forward_that_was_replaced_before_stays_replaced() -> None:
    model = Model(torch.float32)
    plain = model.linear.forward
    model.linear.forward = lambda x: plain(x) + 1
    own = patcher(model)
    with unchanged(model):
        own.change([{IDS["linear"]: (("p", 1.0),)}, {}])
        own.restore()
    assert torch.equal(model.linear(torch.zeros(1, 6)), plain(torch.zeros(1, 6)) + 1)

"""Sums of plans, the modules a change touches, and groups of samples with equal weights."""

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.engine.recipes import Recipe, by_module, changed, groups, image_part, moments, recipes, text_part
from lib_lbw.weights.schedule import Bound, Schedule

MODULES = [ModuleId("te1", "a"), ModuleId("unet", "b"), ModuleId("unet", "c")]
scales = st.sampled_from([0.0, 0.5, 1.0, -1.0])
plans = st.builds(
    ScalePlan,
    st.sampled_from(["one", "two"]),
    st.lists(scales, min_size=3, max_size=3).map(lambda s: tuple(zip(MODULES, s, strict=True))),
    st.none(),
)
row = st.lists(
    st.lists(st.tuples(st.sampled_from("pq"), scales), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
    min_size=1,
    max_size=8,
)


@given(st.lists(plans, max_size=4))
def test_plans_add_up_per_file_and_nothing_is_nothing(many: list[ScalePlan]) -> None:
    made = recipes(many, 0, 10)
    for module in MODULES:
        for lora in ("one", "two"):
            total = sum(dict(plan.scales)[module] for plan in many if plan.lora == lora)
            assert dict(made.get(module, ())).get(lora, 0.0) == total
    assert all(recipe and all(scale != 0 for _, scale in recipe) for recipe in made.values())


@given(st.lists(plans, max_size=4))
def test_order_of_plans_of_different_files_does_not_matter(many: list[ScalePlan]) -> None:
    by_file = {plan.lora: plan for plan in many}
    assert recipes(by_file.values(), 0, 1) == recipes(reversed(by_file.values()), 0, 1)


def test_the_window_silences_the_image_part_only() -> None:
    plan = ScalePlan("one", tuple((m, 1.0) for m in MODULES), Schedule(Bound(2, False), None))
    early, late = recipes([plan], 1, 4), recipes([plan], 2, 4)
    assert set(early) == {MODULES[0]}
    assert set(late) == set(MODULES)
    assert text_part(late) == early
    assert set(image_part(late)) == set(MODULES[1:])


def test_a_pass_has_one_moment_for_each_set_of_plans_at_work() -> None:
    whole = ScalePlan("one", ((MODULES[1], 1.0),))
    late = ScalePlan("two", ((MODULES[1], 0.5),), Schedule(Bound(10, False), None))
    early = ScalePlan("two", ((MODULES[1], 0.5),), Schedule(None, Bound(2, False)))
    assert moments([], 20) == ({},)
    assert moments([whole], 20) == (recipes([whole], 0, 20),)
    assert moments([whole, late], 20) == (recipes([whole], 0, 20), recipes([whole, late], 19, 20))
    assert len(moments([early, late], 20)) == 3


@given(st.lists(st.dictionaries(st.sampled_from(MODULES), st.just((("p", 1.0),))), min_size=1, max_size=4))
def test_a_module_on_which_all_agree_has_one_recipe(samples: list[dict[ModuleId, Recipe]]) -> None:
    made = by_module(samples)
    for module, recipes_of in made.items():
        wanted = [sample.get(module, ()) for sample in samples]
        assert list(recipes_of) == (wanted[:1] if len(set(wanted)) == 1 else wanted)
    assert set(made) == set().union(*samples)
    assert by_module([{MODULES[0]: ()}, {}]) == {}


def test_only_differing_modules_are_changed() -> None:
    on: Recipe = (("p", 1.0),)
    half: Recipe = (("p", 0.5),)
    old = {MODULES[0]: (on,), MODULES[1]: (on,)}
    new = {MODULES[0]: (on,), MODULES[1]: (half,), MODULES[2]: (on, half)}
    assert changed(old, new) == (MODULES[1], MODULES[2])
    assert changed(old, {}) == (MODULES[0], MODULES[1])
    assert changed(new, new) == ()


@given(row)
def test_groups_partition_the_samples_by_recipe(samples: list[Recipe]) -> None:
    made = groups(samples)
    assert sorted(sample for group in made for sample in group.samples) == list(range(len(samples)))
    assert all(samples[sample] == group.recipe for group in made for sample in group.samples)
    assert len({group.recipe for group in made}) == len(made)
    sizes = [len(group.samples) for group in made]
    assert sizes == sorted(sizes, reverse=True)

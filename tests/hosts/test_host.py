"""A whole host: applied, drawn, batched, restored."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_lbw.blocks.family import family
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.errors import HostError, LoraFileError
from lib_lbw.hosts import diffusers, run
from lib_lbw.hosts.base import Job, Picture, StopDrawing
from lib_lbw.hosts.budget import Merged
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.weights.schedule import Bound, Schedule

SMALL = Picture("a cat", "dog", seed=3, steps=3, width=64, height=64)
CONVOLUTION = ("to_q", "ff.net.2", "fc1", "conv1", "conv_in", "proj_in")
KINDS = ("lora", "dora", "loha", "full")
Uniform = Callable[..., ScalePlan]
State = Callable[[Any], dict[str, torch.Tensor]]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int16)


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def files(sd1: Any, write_lora: Callable[..., Path]) -> dict[str, Path]:
    return {kind: write_lora(sd1, kind, seed, kind, CONVOLUTION) for seed, kind in enumerate(KINDS)}


@pytest.fixture
def host(sd1: Any, files: dict[str, Path]) -> DiffusersHost:
    return DiffusersHost(sd1, family("sd1"), files)


def block_off(plan: ScalePlan, part: str) -> ScalePlan:
    return ScalePlan(plan.lora, tuple((m, 0.0 if part in m.path else s) for m, s in plan.scales), plan.schedule)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_model_is_bit_identical_afterwards(
    sd1: Any, files: dict[str, Path], uniform: Uniform, data: st.DataObject
) -> None:
    host = DiffusersHost(sd1, family("sd1"), files)
    before = {key: value.clone() for key, value in sd1.unet.state_dict().items()}
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(KINDS), st.floats(-2, 2)), max_size=3))
    plans = [uniform(files[kind], scale) for kind, scale in chosen]
    raising = data.draw(st.booleans())
    with suppress(KeyError), host.applied(plans):
        if raising:
            raise KeyError
    assert same_bits(sd1.unet.state_dict(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_applied_changes_the_model_and_restores_it(
    sd1: Any, host: DiffusersHost, files: dict[str, Path], uniform: Uniform, state: State, kind: str
) -> None:
    before = state(sd1)
    with host.applied([uniform(files[kind])]):
        assert not same_bits(state(sd1), before)
    assert same_bits(state(sd1), before)


def test_none_is_no_lora_and_all_is_plain(host: DiffusersHost, files: dict[str, Path], uniform: Uniform) -> None:
    plain = host.draw(SMALL)
    none = host.draw(SMALL, [uniform(files["lora"], 0.0)])
    twice = host.draw(SMALL, [uniform(files["lora"], 0.25), uniform(files["lora"], 0.75)])
    whole = host.draw(SMALL, [uniform(files["lora"], 1.0)])
    assert np.array_equal(pixels(none), pixels(plain))
    assert np.array_equal(pixels(twice), pixels(whole))
    assert not np.array_equal(pixels(whole), pixels(plain))


@pytest.mark.parametrize(("sampler", "calls"), [("Euler", 4), ("Heun", 7), ("DPM2", 7), ("UniPC", 4), ("PLMS", 5)])
@pytest.mark.parametrize(("start", "stop"), [(None, 2), (2, None), (1, 3)])
def test_schedules_count_steps(
    sd1: Any,
    host: DiffusersHost,
    files: dict[str, Path],
    uniform: Uniform,
    sampler: str,
    calls: int,
    start: Any,
    stop: Any,
) -> None:
    seen: list[bool] = []
    weight = sd1.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1.to_q.weight
    own = weight.data_ptr()
    hook = sd1.unet.register_forward_pre_hook(lambda *_: seen.append(weight.data_ptr() != own))
    bounds = [None if bound is None else Bound(bound, False) for bound in (start, stop)]
    try:
        picture = Picture("a", seed=1, steps=4, width=64, height=64, sampler=sampler)
        host.draw(picture, [uniform(files["lora"], schedule=Schedule(*bounds))])
    finally:
        hook.remove()
    numbers = [0, 0, 1, 2, 3] if sampler == "PLMS" else [call // ((calls + 1) // 4) for call in range(calls)]
    assert seen == [(start or 0) <= step < (4 if stop is None else stop) for step in numbers]


def variants(files: dict[str, Path], uniform: Uniform) -> list[Job]:
    plan = uniform(files["lora"])
    parts = ("down_blocks.1", "mid_block", "up_blocks.1", "layers.0")
    jobs: list[Job] = [(SMALL, [block_off(plan, part)]) for part in parts]
    jobs += [(SMALL, []), (SMALL, [uniform(files["loha"], 0.5), uniform(files["full"], -1.0)])]
    other = Picture("another", "", seed=9, steps=3, width=64, height=64)
    window = Schedule(Bound(1, False), Bound(2, False))
    return [*jobs, (other, [plan]), (SMALL, [uniform(files["dora"], 0.8, schedule=window)])]


def test_a_batch_is_what_one_by_one_draws(
    sd1: Any, host: DiffusersHost, files: dict[str, Path], uniform: Uniform, state: State
) -> None:
    jobs = variants(files, uniform)
    before = state(sd1)
    drawn: dict[int, np.ndarray] = {}
    host.draw_many(jobs, lambda number, image: drawn.__setitem__(number, pixels(image)))
    assert same_bits(state(sd1), before)
    for number, (picture, plans) in enumerate(jobs):
        assert np.abs(drawn[number] - pixels(host.draw(picture, plans))).max() <= 1
    assert len({image.tobytes() for image in drawn.values()}) == len(jobs)


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M SDE", "Heun"])
def test_a_batch_draws_its_noise_as_one_by_one(
    host: DiffusersHost, files: dict[str, Path], uniform: Uniform, sampler: str
) -> None:
    seeds = [Picture("a", seed=seed, steps=3, width=64, height=64, sampler=sampler) for seed in (1, 2, 3)]
    jobs = [(picture, [uniform(files["lora"], 0.5 * number)]) for number, picture in enumerate(seeds)]
    drawn: dict[int, np.ndarray] = {}
    host.draw_many(jobs, lambda number, image: drawn.__setitem__(number, pixels(image)))
    assert all(np.abs(drawn[n] - pixels(host.draw(*job))).max() <= 1 for n, job in enumerate(jobs))


def test_sdxl_in_a_batch(sdxl: Any, write_lora: Callable[..., Path], uniform: Uniform) -> None:
    path = write_lora(sdxl, "xl")
    host = DiffusersHost(sdxl, family("sdxl"), {"xl": path})
    jobs: list[Job] = [(SMALL, [uniform(path, scale, text)]) for scale, text in ((1, 1), (0.5, 1), (1, 0), (0, 0))]
    drawn: dict[int, np.ndarray] = {}
    host.draw_many(jobs, lambda number, image: drawn.__setitem__(number, pixels(image)))
    assert all(np.abs(drawn[n] - pixels(host.draw(*job))).max() <= 1 for n, job in enumerate(jobs))


def test_unlike_pictures_are_drawn_in_batches_of_their_own(host: DiffusersHost) -> None:
    jobs: list[Job] = [
        (Picture("a", steps=steps, width=width, height=64), []) for steps, width in ((1, 64), (2, 64), (1, 128))
    ]
    sizes: dict[int, tuple[int, int]] = {}
    told: list[tuple[int, int]] = []
    host.draw_many(jobs, lambda n, image: sizes.__setitem__(n, image.size), lambda *now: told.append(now))
    assert sizes == {0: (64, 64), 1: (64, 64), 2: (128, 64)}
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_out_of_memory_halves_the_batch_and_loses_nothing(
    host: DiffusersHost, files: dict[str, Path], uniform: Uniform, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = run.denoise, []

    def scarce(pipeline: Any, pictures: Any, *others: Any) -> torch.Tensor:
        sizes.append(len(pictures))
        others[-2](0)
        if len(pictures) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(pipeline, pictures, *others)

    monkeypatch.setattr(run, "denoise", scarce)
    jobs = variants(files, uniform)[:6]
    drawn: list[int] = []
    steps: list[int] = []
    host.draw_many(jobs, lambda number, _: drawn.append(number), lambda done, _: steps.append(done))
    assert sorted(drawn) == list(range(6))
    assert sizes == [6, 3, 2, 1, 2, 1]
    assert steps[-1] == 18


def out_of_memory(*_: Any) -> Any:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")


@pytest.mark.parametrize("part", ["denoise", "decode"])
def test_one_picture_that_does_not_fit_says_what_to_do(
    host: DiffusersHost, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(run, part, out_of_memory)
    with pytest.raises(HostError, match=r"64x64.*smaller.*--dtype float16"):
        host.draw(SMALL)


def test_out_of_memory_while_decoding_loses_no_picture(
    sd1: Any, host: DiffusersHost, files: dict[str, Path], uniform: Uniform, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = variants(files, uniform)[:4]
    wanted: dict[int, np.ndarray] = {}
    host.draw_many(jobs, lambda number, image: wanted.__setitem__(number, pixels(image)))
    real, own, merged = run.decode, sd1.unet.state_dict(), []
    pointers = {key: value.data_ptr() for key, value in own.items()}

    def scarce(pipeline: Any, latents: torch.Tensor) -> Image.Image:
        now = {key: value.data_ptr() for key, value in pipeline.unet.state_dict().items()}
        merged.append(now != pointers)
        return out_of_memory() if merged[-1] else real(pipeline, latents)

    monkeypatch.setattr(run, "decode", scarce)
    drawn: dict[int, np.ndarray] = {}
    host.draw_many(jobs, lambda number, image: drawn.__setitem__(number, pixels(image)))
    assert merged == [True, False, False, False, False]
    assert all(np.array_equal(drawn[number], wanted[number]) for number in range(4))


def test_weights_that_a_window_brings_later_need_memory_too(
    host: DiffusersHost, files: dict[str, Path], uniform: Uniform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Merged] = []
    monkeypatch.setattr(diffusers, "batch_size", lambda *settings: asked.append(settings[-1]) or 1)
    for window in (None, Schedule(Bound(2, False), None)):
        host.draw(SMALL, [uniform(files["lora"], text=0.0, schedule=window)])
    assert asked[0] == asked[1]
    assert asked[0].first > 0


def test_recipes_are_made_anew_only_where_a_window_opens_or_closes(
    host: DiffusersHost, files: dict[str, Path], uniform: Uniform, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = run.recipes, []

    def counted(plans: Any, step: int, steps: int) -> Any:
        asked.append(step)
        return real(plans, step, steps)

    monkeypatch.setattr(run, "recipes", counted)
    window = Schedule(Bound(2, False), Bound(5, False))
    picture = Picture("a", steps=8, width=64, height=64)
    host.draw(picture, [uniform(files["lora"], schedule=window), uniform(files["loha"])])
    assert asked == [0, 0, 2, 5]  # the first for the prompt


def test_a_callback_ends_the_run_and_keeps_what_is_done(
    sd1: Any, files: dict[str, Path], uniform: Uniform, state: State
) -> None:
    host = DiffusersHost(sd1, family("sd1"), files, batch=1)
    before = state(sd1)
    drawn: list[int] = []

    def stop(done: int, _: int) -> None:
        if done > 4:
            raise StopDrawing

    with pytest.raises(StopDrawing):
        host.draw_many([(SMALL, [uniform(files["lora"])])] * 3, lambda number, _: drawn.append(number), stop)
    assert drawn == [0]
    assert same_bits(state(sd1), before)


def test_prompts_are_encoded_anew_only_for_text_scales(
    sd1: Any, host: DiffusersHost, files: dict[str, Path], uniform: Uniform
) -> None:
    calls: list[int] = []
    hook = sd1.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        for scale in (1.0, 0.5, 0.0):
            host.draw(SMALL, [uniform(files["lora"], scale, text=1.0)])
        once = len(calls)
        host.draw(SMALL, [uniform(files["lora"], 1.0, text=0.5)])
    finally:
        hook.remove()
    assert once == 2
    assert len(calls) == 4


def test_nested_and_scheduled_use_is_refused(host: DiffusersHost, files: dict[str, Path], uniform: Uniform) -> None:
    with host.applied([uniform(files["lora"])]):
        with pytest.raises(HostError, match="already"), host.applied([]):
            pass
        with pytest.raises(HostError, match="already"):
            host.draw(SMALL)
    with (
        pytest.raises(HostError, match="schedule"),
        host.applied([uniform(files["lora"], schedule=Schedule(None, Bound(1, False)))]),
    ):
        pass
    host.draw(SMALL)


def test_a_file_that_changed_is_read_anew(
    sd1: Any, write_lora: Callable[..., Path], uniform: Uniform, tmp_path: Path
) -> None:
    path = tmp_path / "changing.safetensors"
    path.write_bytes(write_lora(sd1, "one", 1).read_bytes())
    host = DiffusersHost(sd1, family("sd1"), {})
    first = pixels(host.draw(SMALL, [uniform(path)]))
    path.write_bytes(write_lora(sd1, "two", 2, "loha").read_bytes())
    second = pixels(host.draw(SMALL, [uniform(path)]))
    fresh = pixels(DiffusersHost(sd1, family("sd1"), {}).draw(SMALL, [uniform(path)]))
    assert np.array_equal(second, fresh)
    assert not np.array_equal(first, second)


def test_a_missing_file_leaves_the_host_usable(host: DiffusersHost, tmp_path: Path) -> None:
    with pytest.raises(LoraFileError), host.applied([ScalePlan((tmp_path / "gone.safetensors").as_posix(), ())]):
        pass
    host.draw(SMALL)


def test_what_does_not_fit_is_told(sd1: Any, sdxl: Any, write_lora: Callable[..., Path], uniform: Uniform) -> None:
    plan = uniform(write_lora(sdxl, "foreign"))
    host = DiffusersHost(sd1, family("sd1"), {})
    host.draw(SMALL, [plan])
    missing, misfits = (str(notice) for notice in host.notices([plan]))
    assert missing.startswith("foreign: the model has no te2.")
    assert "unet.up_blocks.0.attentions.0" in missing or "more" in missing
    assert "do not fit the model" in misfits
    assert "(64" in misfits or "32)" in misfits


def test_a_9_channel_input_convolution_takes_a_4_channel_delta(
    sd1: Any, write_lora: Callable[..., Path], uniform: Uniform
) -> None:
    plan = uniform(write_lora(sd1, "input", suffixes=("conv_in",)))
    own = sd1.unet.conv_in
    try:
        sd1.unet.conv_in = torch.nn.Conv2d(9, own.out_channels, 3, padding=1)
        host = DiffusersHost(sd1, family("sd1"), {})
        before = sd1.unet.conv_in.weight.detach().clone()
        with host.applied([plan]):
            change = sd1.unet.conv_in.weight.detach() - before
        assert host.notices([plan]) == ()
    finally:
        sd1.unet.conv_in = own
    assert change[:, :4].abs().sum() > 0
    assert change[:, 4:].abs().sum() == 0


def test_deltas_are_forgotten_beyond_their_room(sd1: Any, files: dict[str, Path], uniform: Uniform) -> None:
    scarce = DiffusersHost(sd1, family("sd1"), files, delta_room=4096)
    ample = DiffusersHost(sd1, family("sd1"), files)
    plans = [uniform(files["lora"]), uniform(files["loha"], 0.5)]
    assert np.array_equal(pixels(scarce.draw(SMALL, plans)), pixels(ample.draw(SMALL, plans)))
    assert 0 < scarce._deltas.held <= 4096 < ample._deltas.held


def test_bad_sampler_and_size_are_named(host: DiffusersHost) -> None:
    with pytest.raises(HostError, match=r'"Eular".*"Euler"'):
        host.draw(Picture("a", sampler="Eular"))
    with pytest.raises(HostError, match="100x64"):
        host.draw(Picture("a", width=100, height=64))
    with pytest.raises(HostError, match="LCM cannot draw in 60 steps"):
        host.draw(Picture("a", sampler="LCM", steps=60))


def test_a_bad_picture_among_many_shows_before_any_is_drawn(host: DiffusersHost) -> None:
    with pytest.raises(HostError, match="64x100"):
        host.draw_many([(SMALL, []), (Picture("a", width=64, height=100), [])], pytest.fail)


def test_nothing_to_draw_is_nothing(host: DiffusersHost) -> None:
    host.draw_many([], pytest.fail)

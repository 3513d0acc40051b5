"""The picture of a merged checkpoint is that of the base with the LoRA in the prompt, but for the rounding."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lib_lbw.blocks.family import family as family_of
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.hosts.session import Session
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.recipe import Recipe
from lib_lbw.merge.sources import source_of
from lib_lbw.weights.grammar import parse_directive
from tests.hosts.conftest import CONVOLUTION, LINEAR, sd1, sdxl, write_lora  # noqa: F401 - fixtures
from tests.merge_checkpoint.test_into_checkpoint import values
from tests.merge_checkpoint.tiny import VERSIONS, Tiny, save, single_file

SMALL = Picture("a cat", "dog", seed=3, steps=3, width=64, height=64)
TAGS = {
    "lora": "<lora:lora:0.8:lbw=OUTALL,IN04@0.5>",
    "loha": "<lora:loha:te=0.5:unet=-0.7:lbw=ALL,MID@0>",
    "dora": "<lora:dora:0.6>",
    "full": "<lora:full:1:lbw=INS>",
}


def model_of(pipeline: Any, kind: str) -> Tiny:
    parts = {"unet": pipeline.unet, "te1": pipeline.text_encoder}
    return Tiny(kind, {**parts, "te2": pipeline.text_encoder_2} if kind == "sdxl" else parts, pipeline.vae)


def load(pipeline: Any, kind: str, path: Path) -> None:
    """Put the layers of the merged file into the pipeline."""
    model = model_of(pipeline, kind)
    layers = model.layers()
    with torch.no_grad():
        for (id, role), tensor in values(path).items():
            if id in layers:
                getattr(layers[id], role).copy_(tensor)


def labelled(path: Path, kind: str) -> Path:
    """Say in the metadata what the LoRA is for; the sizes of a small model do not tell."""
    save_file(load_file(path), path, {"ss_base_model_version": VERSIONS[kind]})
    return path


def pixels(image: Any) -> np.ndarray:
    return np.asarray(image, dtype=np.int16)


@pytest.mark.parametrize(
    ("kind", "tags"), [("sd1", ("lora",)), ("sd1", ("dora",)), ("sdxl", ("dora",)), ("sdxl", ("lora", "loha", "full"))]
)
def test_the_merged_checkpoint_draws_what_the_prompt_draws(
    request: pytest.FixtureRequest,
    write_lora: Callable[..., Path],  # noqa: F811
    kind: str,
    tags: tuple[str, ...],
    tmp_path: Path,
) -> None:
    pipeline = request.getfixturevalue(kind)
    layers = (*LINEAR, *CONVOLUTION, "k_proj")
    files = {tag: labelled(write_lora(pipeline, tag, seed, tag, layers), kind) for seed, tag in enumerate(tags)}
    session = Session(DiffusersHost(pipeline, family_of(kind), files), settings=SMALL)
    plain = pixels(session.generate(SMALL.prompt).image)
    wanted = pixels(session.generate(" ".join([SMALL.prompt, *(TAGS[tag] for tag in tags)])).image)
    assert np.abs(wanted - plain).max() > 10
    base = save(tmp_path / "base.safetensors", single_file(model_of(pipeline, kind)))
    sources = tuple(source_of(parse_directive(TAGS[tag]), files[tag]) for tag in tags)
    merged = run_into(plan_into(Recipe("into-checkpoint", sources, tmp_path / "out.safetensors", base=base)))
    try:
        load(pipeline, kind, merged.path)
        found = pixels(DiffusersHost(pipeline, family_of(kind), {}).draw(SMALL))  # the other host remembers words
    finally:
        load(pipeline, kind, base)
    assert np.abs(found - wanted).max() <= 1
    assert np.array_equal(pixels(session.generate(SMALL.prompt).image), plain)

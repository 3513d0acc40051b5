"""The host's own sampling loop against the pipelines it stands in for."""

from typing import Any

import numpy as np
import pytest
import torch

from lib_lbw.blocks.family import family
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.hosts.samplers import SAMPLERS, scheduler

PICTURE = Picture("a red cat", "blue", seed=7, steps=3, cfg_scale=5.0, width=64, height=64)


def pixels(image: Any) -> np.ndarray:
    return np.asarray(image, dtype=np.int16)


def by_pipeline(pipeline: Any, picture: Picture) -> np.ndarray:
    own = pipeline.scheduler
    pipeline.scheduler = scheduler(picture.sampler, own.config)
    try:
        made = pipeline(
            picture.prompt,
            negative_prompt=picture.negative_prompt or None,
            num_inference_steps=picture.steps,
            guidance_scale=picture.cfg_scale,
            width=picture.width,
            height=picture.height,
            generator=torch.Generator("cpu").manual_seed(picture.seed),
        )
    finally:
        pipeline.scheduler = own
    return pixels(made.images[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sd1_is_the_pipelines_picture(sd1: Any, sampler: str) -> None:
    picture = Picture("a red cat", "blue", seed=7, steps=3, cfg_scale=5.0, width=64, height=64, sampler=sampler)
    host = DiffusersHost(sd1, family("sd1"), {})
    assert np.array_equal(pixels(host.draw(picture)), by_pipeline(sd1, picture))


@pytest.mark.parametrize("change", [{}, {"cfg_scale": 1.0}, {"negative_prompt": ""}, {"width": 96}])
def test_sdxl_is_the_pipelines_picture(sdxl: Any, change: dict[str, Any]) -> None:
    picture = Picture.from_json({**PICTURE.to_json(), **change})
    host = DiffusersHost(sdxl, family("sdxl"), {})
    assert np.array_equal(pixels(host.draw(picture)), by_pipeline(sdxl, picture))

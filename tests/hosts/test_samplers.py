"""The sampler table against the schedulers it names."""

import pytest
import torch
from diffusers import EulerDiscreteScheduler

from lib_lbw.hosts.samplers import SAMPLERS, samplers, scheduler


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_table_knows_what_each_scheduler_can_do(name: str, prediction: str) -> None:
    config = EulerDiscreteScheduler(beta_schedule="scaled_linear", prediction_type=prediction).config
    offered = name in samplers(config)
    made = scheduler(name, EulerDiscreteScheduler().config)
    made.register_to_config(prediction_type=prediction)
    made.set_timesteps(3)
    try:
        latents = made.scale_model_input(torch.ones(1, 4, 8, 8), made.timesteps[0])
        made.step(torch.zeros(1, 4, 8, 8), made.timesteps[0], latents)
        works = True
    except (NotImplementedError, ValueError):
        works = False
    assert offered == works


def test_the_pipelines_own_noise_schedule_is_kept() -> None:
    config = EulerDiscreteScheduler(beta_start=0.001, beta_end=0.02, prediction_type="v_prediction").config
    for name in SAMPLERS:
        made = scheduler(name, config)
        assert (made.config.beta_start, made.config.beta_end) == (0.001, 0.02)
        assert made.config.prediction_type == "v_prediction"
    assert scheduler("DPM++ 2M Karras", config).config.use_karras_sigmas
    assert not scheduler("DPM++ 2M", config).config.use_karras_sigmas

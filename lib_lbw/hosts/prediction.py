"""What a model predicts: the noise (epsilon), or the velocity v of Salimans and Ho (2022)."""

from collections.abc import Container
from pathlib import Path
from typing import Any, Literal

import diffusers

from lib_lbw.weights.notice import Notice

Prediction = Literal["epsilon", "v_prediction"]

MARK = "v_pred"
"""Name of the tensor by which fine-tunes tell that they predict v; their noise schedule ends in pure noise."""


def file_scheduler(config: Path, names: Container[str], prediction: Prediction | None) -> Any:
    """Return the scheduler of a single file with tensors `names`, whose architecture the folder `config` describes.

    `prediction` goes over what the file says of itself.
    """
    scheduler = diffusers.EulerDiscreteScheduler.from_pretrained(config, subfolder="scheduler")
    marked = MARK in names
    chosen = prediction or ("v_prediction" if marked else scheduler.config.prediction_type)
    pure = marked and chosen == "v_prediction"
    return type(scheduler).from_config(scheduler.config, prediction_type=chosen, rescale_betas_zero_snr=pure)


def assumed(path: Path, family: str, names: Container[str], prediction: Prediction | None) -> Notice | None:
    """Tell what is assumed of a single file that does not say what it predicts: SD 2, where both kinds are common."""
    if family != "sd2" or prediction is not None or MARK in names:
        return None
    return Notice.of(
        "{path} does not say what it predicts: epsilon is assumed, which is right for 512 px models of SD 2. If its "
        "pictures are noise, it is a 768 px one: choose v_prediction (--prediction v_prediction).",
        path=path.name,
    )

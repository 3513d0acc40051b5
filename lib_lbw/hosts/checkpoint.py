"""Loads Stable Diffusion checkpoints without a network: single files and diffusers folders.

The model configs are shipped (`configs/`, the published architectures), so a single file lacks only the vocabulary of
its tokenizer. One CLIP vocabulary serves SD 1, SD 2 and both encoders of SDXL; `tokenizer_folder` tells where it is
looked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.utils import deprecation_utils

from lib_lbw.errors import CheckpointError, LoraFileError
from lib_lbw.hosts.memory import is_out_of_memory
from lib_lbw.hosts.parts import check_parts
from lib_lbw.hosts.prediction import Prediction, assumed, file_scheduler
from lib_lbw.hosts.vocabulary import tokenizer, vocabulary_folder
from lib_lbw.lora.header import TensorInfo, read_header
from lib_lbw.weights.notice import Notice

CONFIGS = Path(__file__).parent / "configs"

_UNET = "model.diffusion_model."
_FIRST = _UNET + "input_blocks.0.0.weight"
_CONTEXTS = tuple(_UNET + f"input_blocks.{n}.1.transformer_blocks.0.attn2.to_k.weight" for n in (1, 4))
_SECOND_ENCODER = "conditioner.embedders.1.model."
_REFINER = "conditioner.embedders.0.model."
_FAMILY_OF_CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
# Newer versions of diffusers renamed the argument and warn about the old name.
_DTYPE = "dtype" if hasattr(deprecation_utils, "_resolve_dtype") else "torch_dtype"
_PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


@dataclass(frozen=True)
class Loaded:
    """A pipeline, and what had to be assumed of its file."""

    pipeline: Any
    notices: tuple[Notice, ...] = ()


def load_pipeline(
    path: str | Path,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    prediction: Prediction | None = None,
) -> Any:
    """Load the checkpoint at `path`: a .safetensors file of SD 1, SD 2 or SDXL, or a diffusers folder of one.

    Without `device` the best one is taken; without `dtype` half precision on cuda and float32 elsewhere. `prediction`
    goes over what the model says it predicts. Nothing is downloaded. Raises CheckpointError, which tells what is
    missing and where to put it.
    """
    return load(path, device, dtype, prediction).pipeline


def load(
    path: str | Path,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    prediction: Prediction | None = None,
) -> Loaded:
    """Load as `load_pipeline` does, and tell what was assumed."""
    path = Path(path)
    device = device or best_device()
    dtype = dtype or default_dtype(device)
    loaded = _from_folder(path, dtype, prediction) if path.is_dir() else _from_file(path, dtype, prediction)
    loaded.pipeline.set_progress_bar_config(disable=True)
    return replace(loaded, pipeline=loaded.pipeline.to(device))


def best_device() -> str:
    """Return "cuda", "mps" or "cpu", whichever comes first here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def default_dtype(device: str | torch.device) -> torch.dtype:
    """Return half precision on cuda, where memory is scarce and half is fast, and float32 elsewhere."""
    return torch.float16 if torch.device(device).type == "cuda" else torch.float32


def family_of(path: Path, tensors: Mapping[str, TensorInfo]) -> str:
    """Tell the family id of a single-file checkpoint from its tensors. Raises CheckpointError."""
    if _FIRST not in tensors:
        raise CheckpointError("{path} is no Stable Diffusion checkpoint: it lacks {name}.", path=path, name=_FIRST)
    channels = tensors[_FIRST].shape[1]
    if channels != 4:
        raise CheckpointError(
            "{path} takes {channels} input channels (inpainting or editing); a text-to-image checkpoint has 4.",
            path=path,
            channels=channels,
        )
    if any(name.startswith(_SECOND_ENCODER) for name in tensors):
        return "sdxl"
    if any(name.startswith(_REFINER) for name in tensors):
        raise CheckpointError("{path} is an SDXL refiner; its LoRAs are those of a base model.", path=path)
    width = next((tensors[name].shape[1] for name in _CONTEXTS if name in tensors), 0)
    if width not in _FAMILY_OF_CONTEXT:
        raise CheckpointError("{path} is no SD 1, SD 2 or SDXL: its prompts are {width} wide.", path=path, width=width)
    return _FAMILY_OF_CONTEXT[width]


def _from_file(path: Path, dtype: torch.dtype, prediction: Prediction | None) -> Loaded:
    """Load a single file."""
    try:
        tensors = read_header(path).tensors
    except LoraFileError as error:
        raise CheckpointError("{reason}", reason=error) from error
    family = family_of(path, tensors)
    check_parts(path, family, tensors)
    config = CONFIGS / family
    pipeline = convert(path, config, dtype, file_scheduler(config, tensors, prediction))
    notice = assumed(path, family, tensors, prediction)
    return Loaded(pipeline, () if notice is None else (notice,))


def convert(path: Path, config: Path, dtype: torch.dtype, scheduler: Any) -> Any:
    """Build the pipeline that the folder `config` describes with `scheduler` and the weights of the single file `path`.

    Raises CheckpointError for a file with a part missing or of another size than the config's.
    """
    index = diffusers.DiffusionPipeline.load_config(config, local_files_only=True)
    words = vocabulary_folder(path)
    parts = {"scheduler": scheduler, "tokenizer": tokenizer(words, open_clip=config.name == "sd2")}
    if "tokenizer_2" in index:
        parts["tokenizer_2"] = tokenizer(words, open_clip=True)
    kind = getattr(diffusers, index["_class_name"])
    try:
        return kind.from_single_file(str(path), config=str(config), local_files_only=True, **{_DTYPE: dtype}, **parts)
    except NotImplementedError as error:  # a tensor without data cannot be moved
        raise CheckpointError(
            "{path} is not complete: tensors of its U-Net, text encoder or VAE are missing. Get the file again.",
            path=path,
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SingleFileComponentError) as error:
        if is_out_of_memory(error):
            raise
        raise CheckpointError(
            "{path} cannot be loaded: {reason} Is it a full checkpoint, and was it downloaded to its end?",
            path=path,
            reason=_sentence(error),
        ) from error


def _sentence(error: Exception) -> str:
    """Return the first line of what a library says, as a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0].strip().rstrip(".:") if lines else type(error).__name__) + "."


def _from_folder(path: Path, dtype: torch.dtype, prediction: Prediction | None) -> Loaded:
    """Load a diffusers folder."""
    if not (path / "model_index.json").is_file():
        raise CheckpointError("{path} is no diffusers folder: it has no model_index.json.", path=path)
    kind = diffusers.DiffusionPipeline.load_config(path, local_files_only=True)["_class_name"]
    if kind not in _PIPELINES:
        raise CheckpointError(
            "{path} is a {kind}; only {known} are drawn with.", path=path, kind=kind, known=", ".join(_PIPELINES)
        )
    try:
        pipeline = getattr(diffusers, kind).from_pretrained(path, local_files_only=True, **{_DTYPE: dtype})
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError("{path} cannot be loaded: {reason}", path=path, reason=error) from error
    if prediction is not None:
        own = pipeline.scheduler
        pipeline.scheduler = type(own).from_config(own.config, prediction_type=prediction)
    return Loaded(pipeline)

"""A running WebUI over HTTP: pictures out of prompts, and LoRA files put where it finds them."""

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file

from tests.lora.make_lora import make_state

PREFIX = "lbw_suite_"
SIZE = 64
_FULL_PRECISION = ("oft_diag",)  # A1111 multiplies these with its float32 weights as they are


class Refused(Exception):  # noqa: N818 - an answer like others
    """The WebUI answered with an error; `text` is its whole answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.text = text


@dataclass(frozen=True)
class Answer:
    """Pictures as arrays [height, width, 3], and the parameter text of the first."""

    pictures: tuple[np.ndarray, ...]
    parameters: str
    info: Mapping[str, Any] = field(repr=False)

    @property
    def picture(self) -> np.ndarray:
        """The first picture."""
        return self.pictures[0]


@dataclass
class WebUI:
    """The WebUI at `url`, whose LoRA folder is `folder`.

    `base` is the model its LoRAs say they are for, and `made` are the files this suite put there.
    """

    url: str
    folder: Path
    base: str = "sd_v1"
    made: list[Path] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one request; the answer as JSON. Raises Refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error

    def draw(self, prompt: str, route: str = "txt2img", **fields: Any) -> Answer:
        """Draw a picture of two steps."""
        body = {
            "prompt": prompt, "negative_prompt": "", "seed": 1, "steps": 2, "sampler_name": "Euler", "cfg_scale": 7,
            "width": SIZE, "height": SIZE, **fields,
        }  # fmt: skip
        answer = self.call("POST", f"/sdapi/v1/{route}", body)
        info = json.loads(answer["info"])
        return Answer(tuple(map(decoded, answer["images"])), info["infotexts"][0], info)

    def write(
        self,
        name: str,
        layers: Mapping[str, Sequence[int]],
        form: str = "lora",
        *,
        strength: float = 0.12,
        rank: int = 4,
        seed: int = 1,
    ) -> str:
        """Put a LoRA into the folder, tell the WebUI, and return the name for a tag."""
        state = make_state(layers, form, rank=rank, alpha=float(rank), seed=seed)
        for key, tensor in state.items():
            if tensor.is_floating_point() and not key.endswith(("alpha", "dora_scale")):
                tensor.mul_(strength / 0.5)
        stored = (lambda tensor: tensor) if form in _FULL_PRECISION else half
        return self._save(name, {key: stored(tensor).contiguous() for key, tensor in state.items()})

    def cut(self, name: str, source: str, layers: Collection[str]) -> str:
        """Put a copy of the LoRA `source` without some of its layers into the folder, and return its name."""
        state = load_file(self.folder / f"{source}.safetensors")
        return self._save(name, {key: tensor for key, tensor in state.items() if key.split(".")[0] not in layers})

    def _save(self, name: str, state: dict[str, torch.Tensor]) -> str:
        path = self.folder / f"{PREFIX}{name}.safetensors"
        metadata = {
            "ss_output_name": path.stem,
            "ss_base_model_version": self.base,
            "ss_network_module": "networks.lora",
        }
        save_file(state, path, metadata)
        self.made.append(path)
        self.call("POST", "/sdapi/v1/refresh-loras", {})
        return path.stem

    def clear(self) -> None:
        """Take the suite's files away again."""
        for path in set(self.made):
            path.unlink(missing_ok=True)


def half(tensor: torch.Tensor) -> torch.Tensor:
    """Store numbers as trainers do."""
    return tensor.half() if tensor.is_floating_point() else tensor


def decoded(text: str) -> np.ndarray:
    """Turn a picture of an answer into an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def encoded(picture: np.ndarray, parameters: str = "") -> str:
    """Turn an array into what a request takes, with the parameters of its drawing inside."""
    stream, inside = io.BytesIO(), PngInfo()
    if parameters:
        inside.add_text("parameters", parameters)
    Image.fromarray(picture).save(stream, "PNG", pnginfo=inside)
    return base64.b64encode(stream.getvalue()).decode()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Bit for bit."""
    return bool(np.array_equal(one, other))


def near(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for rounding, which sampling with random weights enlarges."""
    return distance(one, other) < 0.1


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of the pixels, in levels of 0..255."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def second_pass(webui: WebUI) -> dict[str, Any]:
    """The fields of a request for a second pass of two steps, twice as large."""
    latent = webui.call("GET", "/sdapi/v1/latent-upscale-modes")
    upscaler = latent[0]["name"] if latent else "None"
    return {"enable_hr": True, "hr_scale": 2, "hr_upscaler": upscaler, "denoising_strength": 0.7,
            "hr_second_pass_steps": 2,
            "hr_additional_modules": ["Use same choices"]}  # fmt: skip  # Forge asks for it, others do not know it

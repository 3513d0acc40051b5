"""Small random pipelines with the topologies of SD 1.5 and SDXL, and LoRA files for them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.lora.file import LoraFile

torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    """The schedulers of diffusers call numpy in a way that numpy 2 warns about."""
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation doesn't accept:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:__array_wrap__ must accept:DeprecationWarning")


LETTERS = [chr(code) for code in range(33, 127)]
VOCABULARY = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
TEXT_WIDTH = 32
SECOND_WIDTH = 48


def unet(seed: int, **settings: Any) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    shared = {"sample_size": 8, "norm_num_groups": 8, "attention_head_dim": 2, "layers_per_block": 2}
    return UNet2DConditionModel(**shared, **settings).eval()


def text_encoder(seed: int, kind: type = CLIPTextModel, width: int = TEXT_WIDTH, **settings: Any) -> Any:
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        bos_token_id=len(VOCABULARY) - 2,
        eos_token_id=len(VOCABULARY) - 1,
        pad_token_id=len(VOCABULARY) - 1,
        **settings,
    )
    return kind(config).eval()


def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(VOCABULARY)}, merges=[], model_max_length=77)


def autoencoder() -> AutoencoderKL:
    torch.manual_seed(3)
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 8, 8, 8],
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=4,
    ).eval()


def scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)


@pytest.fixture(scope="session")
def sd1() -> StableDiffusionPipeline:
    """A pipeline of the SD 1.5 topology, 8 px a latent."""
    cross, down = "CrossAttnDownBlock2D", "DownBlock2D"
    model = unet(
        0,
        cross_attention_dim=TEXT_WIDTH,
        block_out_channels=(16, 16, 16, 16),
        down_block_types=(cross, cross, cross, down),
        up_block_types=("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
    )
    pipeline = StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=text_encoder(1),
        tokenizer=tokenizer(),
        unet=model,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="session")
def sdxl() -> StableDiffusionXLPipeline:
    """A pipeline of the SDXL topology with one and two transformer layers, 8 px a latent."""
    model = unet(
        4,
        cross_attention_dim=TEXT_WIDTH + SECOND_WIDTH,
        block_out_channels=(16, 16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=SECOND_WIDTH + 6 * 8,
        use_linear_projection=True,
    )
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=text_encoder(5, projection_dim=TEXT_WIDTH),
        text_encoder_2=text_encoder(6, CLIPTextModelWithProjection, SECOND_WIDTH, projection_dim=SECOND_WIDTH),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=model,
        scheduler=scheduler(),
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def module_ids(pipeline: Any, suffixes: tuple[str, ...]) -> list[ModuleId]:
    """Ids of the layers of a pipeline whose path ends with one of `suffixes`, as LoRA files name them."""
    found = [ModuleId("unet", name) for name, _ in pipeline.unet.named_modules()]
    for component, attribute in (("te1", "text_encoder"), ("te2", "text_encoder_2")):
        encoder = getattr(pipeline, attribute, None)
        names = [] if encoder is None else [name for name, _ in encoder.named_modules()]
        found += [ModuleId(component, "text_model." + name.removeprefix("text_model.")) for name in names]
    return [module for module in found if module.path.endswith(suffixes)]


def layer_of(pipeline: Any, module: ModuleId) -> torch.nn.Module:
    root = {"unet": "unet", "te1": "text_encoder", "te2": "text_encoder_2"}[module.component]
    names = dict(getattr(pipeline, root).named_modules())
    return names.get(module.path) or names[module.path.removeprefix("text_model.")]


LINEAR = ("to_q", "to_v", "ff.net.2", "q_proj", "fc1")
CONVOLUTION = ("conv1", "conv_in", "proj_in")


@pytest.fixture(scope="session")
def write_lora(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a writer of kohya LoRA files: `write(pipeline, name, seed=..., kind="lora" | "loha" | "full")`."""

    def write(pipeline: Any, name: str, seed: int = 0, kind: str = "lora", suffixes: Iterable[str] = LINEAR) -> Path:
        source = torch.Generator().manual_seed(seed)
        tensors: dict[str, torch.Tensor] = {}
        for module in module_ids(pipeline, tuple(suffixes)):
            weight = layer_of(pipeline, module).weight
            stem = spell(module, "kohya")
            made = MAKERS[kind](weight, source)
            tensors |= {f"{stem}.{role}": tensor.contiguous() for role, tensor in made.items()}
        path = tmp_path_factory.mktemp("loras") / f"{name}.safetensors"
        save_file(tensors, path, metadata={"ss_base_model_version": "lbw_demo_v1", "note": json.dumps(kind)})
        return path

    return write


def _lora(weight: torch.Tensor, source: torch.Generator, rank: int = 2) -> dict[str, torch.Tensor]:
    out, inner, *kernel = weight.shape
    up = torch.randn(out, rank, *[1] * len(kernel), generator=source)
    down = torch.randn(rank, inner, *kernel, generator=source)
    return {"lora_up.weight": up * 0.1, "lora_down.weight": down * 0.1, "alpha": torch.tensor(1.0)}


def _dora(weight: torch.Tensor, source: torch.Generator) -> dict[str, torch.Tensor]:
    magnitude = weight.detach().flatten(1).norm(dim=1) * (1 + 0.1 * torch.randn(weight.shape[0], generator=source))
    shape = (-1, *[1] * (weight.dim() - 1))
    return {**_lora(weight, source), "dora_scale": magnitude.reshape(shape)}


def _loha(weight: torch.Tensor, source: torch.Generator) -> dict[str, torch.Tensor]:
    out, inner = weight.shape[0], weight[0].numel()
    shapes = {"hada_w1_a": (out, 2), "hada_w1_b": (2, inner), "hada_w2_a": (out, 2), "hada_w2_b": (2, inner)}
    return {r: torch.randn(s, generator=source) * 0.3 for r, s in shapes.items()} | {"alpha": torch.tensor(1.0)}


def _full(weight: torch.Tensor, source: torch.Generator) -> dict[str, torch.Tensor]:
    made = {"diff": torch.randn(weight.shape, generator=source) * 0.02}
    return made | {"diff_b": torch.randn(weight.shape[0], generator=source) * 0.02}


MAKERS = {"lora": _lora, "dora": _dora, "loha": _loha, "full": _full}


@pytest.fixture(scope="session")
def uniform() -> Callable[..., ScalePlan]:
    """Return a maker of plans that give every module of a file one scale."""

    def make(path: Path, scale: float = 1.0, text: float | None = None, **settings: Any) -> ScalePlan:
        te = scale if text is None else text
        ids = sorted(module.id for module in LoraFile(path).modules)
        scales = tuple((m, te if m.component.startswith("te") else scale) for m in ids)
        return ScalePlan(path.as_posix(), scales, settings.get("schedule"))

    return make


@pytest.fixture
def state() -> Callable[[Any], dict[str, torch.Tensor]]:
    """Return a copier of every tensor of a pipeline's models, for comparing bits."""

    def copy(pipeline: Any) -> dict[str, torch.Tensor]:
        roots = {name: getattr(pipeline, name, None) for name in ("unet", "text_encoder", "text_encoder_2")}
        return {
            f"{name}.{key}": tensor.clone()
            for name, root in roots.items()
            if root is not None
            for key, tensor in root.state_dict().items()
        }

    return copy

"""Single files and folders, loaded without a network."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from lib_lbw.blocks.names import parse_module
from lib_lbw.errors import CheckpointError, KeyNameError
from lib_lbw.hosts import vocabulary
from lib_lbw.hosts.checkpoint import CONFIGS, convert, family_of, load_pipeline
from lib_lbw.hosts.parts import check_parts
from lib_lbw.hosts.prediction import assumed, file_scheduler
from lib_lbw.lora.header import TensorInfo, read_header
from tests.hosts.conftest import text_encoder

RESNET = ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3", "skip_connection")
ATTENTION = ("norm", "proj_in", "proj_out")
LAYER = ("norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2")
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


def ldm_names() -> Iterator[str]:
    """Names of the original U-Net, without its prefix, among them names that a model lacks."""
    ends = ["time_embed.0", "time_embed.2", "label_emb.0.0", "label_emb.0.2", "out.0", "out.2", "input_blocks.0.0"]
    yield from ends
    blocks = [f"{side}_blocks.{n}" for side in ("input", "output") for n in range(12)] + ["middle_block"]
    for block in blocks:
        for child in range(3):
            yield from (f"{block}.{child}.{part}" for part in (*RESNET, *ATTENTION, "op", "conv"))
            for layer in range(2):
                stem = f"{block}.{child}.transformer_blocks.{layer}"
                yield from (f"{stem}.{part}" for part in LAYER)
                yield from (f"{stem}.attn{n}.{part}" for n in (1, 2) for part in PROJECTIONS)


def ldm_unet(unet: torch.nn.Module) -> dict[str, torch.Tensor]:
    own = unet.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    for name in ldm_names():
        try:
            path = parse_module(f"diffusion_model.{name}").path
        except KeyNameError:
            continue
        for role in ("weight", "bias"):
            if f"{path}.{role}" in own:
                tensors[f"model.diffusion_model.{name}.{role}"] = own[f"{path}.{role}"]
    assert len({tensor.data_ptr() for tensor in tensors.values()}) == len(own)
    return tensors


VAE_NAMES = [
    ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
    ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
    *((f"mid_block.attentions.0.to_{x}", f"mid.attn_1.{x}") for x in "qkv"),
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    *((f"down_blocks.{i}.", f"down.{i}.") for i in range(4)),
    *((f"up_blocks.{i}.", f"up.{3 - i}.") for i in range(4)),
    ("resnets.", "block."),
    ("downsamplers.0", "downsample"),
    ("upsamplers.0", "upsample"),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
]


def ldm_vae(vae: torch.nn.Module) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in vae.state_dict().items():
        for ours, theirs in VAE_NAMES:
            name = name.replace(ours, theirs)
        convolution = "attn_1" in name and name.endswith("weight") and tensor.dim() == 2
        tensors[f"first_stage_model.{name}"] = tensor[:, :, None, None] if convolution else tensor
    return tensors


def ldm_clip(encoder: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    state = encoder.state_dict().items()
    return {f"{prefix}text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state}


def open_clip(encoder: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """Names of the OpenCLIP text tower: one matrix for q, k and v."""
    own = {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}
    tensors = {
        "token_embedding.weight": own["embeddings.token_embedding.weight"],
        "positional_embedding": own["embeddings.position_embedding.weight"],
        "text_projection": own.get("text_projection.weight", torch.eye(len(own["final_layer_norm.weight"]))).T,
    }
    for role in ("weight", "bias"):
        tensors[f"ln_final.{role}"] = own[f"final_layer_norm.{role}"]
        for i in range(3):
            old, new = f"encoder.layers.{i}", f"transformer.resblocks.{i}"
            tensors[f"{new}.attn.in_proj_{role}"] = torch.cat([own[f"{old}.self_attn.{x}_proj.{role}"] for x in "qkv"])
            pairs = {"attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2"}
            pairs |= {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
            tensors |= {f"{new}.{a}.{role}": own[f"{old}.{b}.{role}"] for a, b in pairs.items()}
    return {prefix + name: tensor for name, tensor in tensors.items()}


def save(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path)
    return path


def config_of(pipeline: Any, folder: Path, family: str) -> Path:
    """Write the configs of a pipeline as the shipped ones are laid out."""
    target = folder / family
    shutil.copytree(CONFIGS / family, target)
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        if (target / part).is_dir():
            config = getattr(pipeline, part).config
            values = config.to_dict() if hasattr(config, "to_dict") else dict(config)
            (target / part / "config.json").write_text(json.dumps(values, default=str))
    return target


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def words_beside(path: Path, pipeline: Any) -> None:
    (path.parent / "tokenizer").mkdir()
    (path.parent / "tokenizer" / "vocab.json").write_text(json.dumps(pipeline.tokenizer.get_vocab()))
    (path.parent / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")


def converted(path: Path, config: Path, prediction: Any = None) -> Any:
    return convert(path, config, torch.float32, file_scheduler(config, read_header(path).tensors, prediction))


def sd1_tensors(sd1: Any) -> dict[str, torch.Tensor]:
    return ldm_unet(sd1.unet) | ldm_vae(sd1.vae) | ldm_clip(sd1.text_encoder, "cond_stage_model.transformer.")


def test_a_single_file_of_sd1(sd1: Any, tmp_path: Path) -> None:
    path = save(tmp_path / "model.safetensors", sd1_tensors(sd1))
    words_beside(path, sd1)
    made = converted(path, config_of(sd1, tmp_path, "sd1"))
    assert same(made.unet, sd1.unet)
    assert same(made.vae, sd1.vae)
    assert same(made.text_encoder, sd1.text_encoder)
    assert made.tokenizer("a cat").input_ids == sd1.tokenizer("a cat").input_ids
    assert type(made.scheduler).__name__ == "EulerDiscreteScheduler"


def test_a_single_file_of_sd2(sd1: Any, tmp_path: Path) -> None:
    encoder = text_encoder(8, projection_dim=32)
    tensors = ldm_unet(sd1.unet) | ldm_vae(sd1.vae) | open_clip(encoder, "cond_stage_model.model.")
    path = save(tmp_path / "model.safetensors", tensors)
    words_beside(path, sd1)
    shape = SimpleNamespace(unet=sd1.unet, vae=sd1.vae, text_encoder=encoder)
    made = converted(path, config_of(shape, tmp_path, "sd2"), "v_prediction")
    assert same(made.unet, sd1.unet)
    assert same(made.text_encoder, encoder)
    assert made.tokenizer.pad_token == "!"
    assert made.scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("first_stage_model.", "AutoencoderKL"),
        ("cond_stage_model.", "CLIPTextModel"),
        ("model.diffusion_model.middle_block.0.", "not complete"),
        ("first_stage_model.decoder.mid.", "not complete"),
    ],
)
def test_a_file_that_is_not_whole_is_told_with_what_it_lacks(sd1: Any, tmp_path: Path, lacking: str, told: str) -> None:
    tensors = {name: tensor for name, tensor in sd1_tensors(sd1).items() if not name.startswith(lacking)}
    path = save(tmp_path / "model.safetensors", tensors)
    words_beside(path, sd1)
    with pytest.raises(CheckpointError, match=told):
        converted(path, config_of(sd1, tmp_path, "sd1"))


def test_a_tensor_of_another_size_is_told(sd1: Any, tmp_path: Path) -> None:
    tensors = sd1_tensors(sd1)
    name = "model.diffusion_model.out.2.weight"
    path = save(tmp_path / "model.safetensors", {**tensors, name: tensors[name][:, :5]})
    words_beside(path, sd1)
    with pytest.raises(CheckpointError, match="conv_out"):
        converted(path, config_of(sd1, tmp_path, "sd1"))


PREFIXES = {
    "sd1": {"CLIP": "cond_stage_model.x", "VAE": "first_stage_model.x"},
    "sd2": {"OpenCLIP": "cond_stage_model.x", "VAE": "first_stage_model.x"},
    "sdxl": {
        "CLIP": "conditioner.embedders.0.x",
        "OpenCLIP": "conditioner.embedders.1.x",
        "VAE": "first_stage_model.x",
    },
}


@pytest.mark.parametrize("family", PREFIXES)
def test_a_part_that_is_left_out_is_named(family: str) -> None:
    held = PREFIXES[family]
    check_parts(Path("m"), family, held.values())
    for part in held:
        others = [name for other, name in held.items() if other != part]
        with pytest.raises(CheckpointError, match=rf"no {part}\. Take the full file"):
            check_parts(Path("m"), family, others)
    with pytest.raises(CheckpointError, match=" and no ".join(held)):
        check_parts(Path("m"), family, ["model.diffusion_model.x"])


@pytest.mark.parametrize(
    ("names", "prediction", "wanted"),
    [
        ((), None, ("epsilon", False)),
        (("v_pred",), None, ("v_prediction", True)),
        ((), "v_prediction", ("v_prediction", False)),
        (("v_pred",), "epsilon", ("epsilon", False)),
        (("v_pred",), "v_prediction", ("v_prediction", True)),
    ],
)
def test_what_a_file_predicts(names: tuple[str, ...], prediction: Any, wanted: tuple[str, bool]) -> None:
    config = file_scheduler(CONFIGS / "sd2", names, prediction).config
    assert (config.prediction_type, config.rescale_betas_zero_snr) == wanted
    told = assumed(Path("a/m.safetensors"), "sd2", names, prediction)
    assert (told is None) == bool(names or prediction)
    assert told is None or str(told).startswith("m.safetensors does not say")
    assert assumed(Path("m"), "sdxl", names, prediction) is None


def test_a_single_file_of_sdxl(sdxl: Any, tmp_path: Path) -> None:
    tensors = ldm_unet(sdxl.unet) | ldm_vae(sdxl.vae)
    tensors |= ldm_clip(sdxl.text_encoder, "conditioner.embedders.0.transformer.")
    tensors |= open_clip(sdxl.text_encoder_2, "conditioner.embedders.1.model.")
    path = save(tmp_path / "model.safetensors", tensors)
    sdxl.tokenizer.save_pretrained(tmp_path / "tokenizer")  # one tokenizer.json in newer versions
    made = converted(path, config_of(sdxl, tmp_path, "sdxl"))
    assert same(made.unet, sdxl.unet)
    assert same(made.text_encoder, sdxl.text_encoder)
    assert same(made.text_encoder_2, sdxl.text_encoder_2)
    assert (made.tokenizer.pad_token, made.tokenizer_2.pad_token) == ("<|endoftext|>", "!")


def test_a_diffusers_folder(sd1: Any, tmp_path: Path) -> None:
    sd1.save_pretrained(tmp_path / "folder")
    made = load_pipeline(tmp_path / "folder", device="cpu")
    assert same(made.unet, sd1.unet)
    assert made.scheduler.config.prediction_type == "epsilon"
    v = load_pipeline(tmp_path / "folder", device="cpu", prediction="v_prediction")
    assert v.scheduler.config.prediction_type == "v_prediction"
    assert v.scheduler.config.beta_start == sd1.scheduler.config.beta_start


def header(**shapes: tuple[int, ...]) -> dict[str, TensorInfo]:
    names = {
        "first": "model.diffusion_model.input_blocks.0.0.weight",
        "context": "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
        "deeper": "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
        "second": "conditioner.embedders.1.model.ln_final.weight",
        "refiner": "conditioner.embedders.0.model.ln_final.weight",
    }
    return {names[key]: TensorInfo(names[key], "F16", shape, 0, 0) for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        (header(first=(320, 4, 3, 3), context=(320, 768)), "sd1"),
        (header(first=(320, 4, 3, 3), context=(320, 1024)), "sd2"),
        (header(first=(320, 4, 3, 3), second=(1280,)), "sdxl"),
        (header(first=(320, 4, 3, 3), deeper=(640, 2048)), "sdxl"),
    ],
)
def test_the_family_is_told_by_shapes(tensors: dict[str, TensorInfo], family: str) -> None:
    assert family_of(Path("x"), tensors) == family


@pytest.mark.parametrize(
    ("tensors", "word"),
    [
        (header(context=(320, 768)), "no Stable Diffusion checkpoint"),
        (header(first=(320, 9, 3, 3), context=(320, 768)), "9 input channels"),
        (header(first=(384, 4, 3, 3), refiner=(1280,)), "refiner"),
        (header(first=(320, 4, 3, 3), context=(320, 555)), "555 wide"),
    ],
)
def test_other_checkpoints_are_refused_by_name(tensors: dict[str, TensorInfo], word: str) -> None:
    with pytest.raises(CheckpointError, match=word):
        family_of(Path("x"), tensors)


def test_a_missing_vocabulary_says_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "try_to_load_from_cache", lambda *_: None)
    path = save(tmp_path / "m.safetensors", {name: torch.zeros(info.shape) for name, info in SD1.items()})
    with pytest.raises(CheckpointError, match=r"vocab\.json and merges\.txt") as caught:
        load_pipeline(path, device="cpu")
    assert str(tmp_path / "tokenizer") in str(caught.value)


SD1 = header(first=(320, 4, 3, 3), context=(320, 768)) | {
    name: TensorInfo(name, "F16", (1,), 0, 0) for name in PREFIXES["sd1"].values()
}


def test_a_u_net_alone_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    shapes = header(first=(320, 4, 3, 3), context=(320, 768))
    path = save(tmp_path / "m.safetensors", {name: torch.zeros(info.shape) for name, info in shapes.items()})
    with pytest.raises(CheckpointError, match="no CLIP and no VAE"):
        load_pipeline(path, device="cpu")


def test_a_vocabulary_in_the_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in vocabulary.FILES:
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(vocabulary, "try_to_load_from_cache", lambda *_: str(tmp_path / "vocab.json"))
    assert vocabulary.vocabulary_folder(tmp_path / "elsewhere" / "m.safetensors") == tmp_path


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    for path in (tmp_path, tmp_path / "junk.safetensors", tmp_path / "absent.safetensors"):
        with pytest.raises(CheckpointError):
            load_pipeline(path, device="cpu")


PUBLISHED = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {"unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840},
}
KINDS = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}


def shipped_model(folder: Path) -> torch.nn.Module:
    """The model that a shipped config describes, without weights."""
    config = json.loads((folder / "config.json").read_text())
    with torch.device("meta"):
        if "architectures" in config:
            return KINDS[config["architectures"][0]](CLIPTextConfig(**config))
        return getattr(diffusers, config["_class_name"]).from_config(config)


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_shipped_configs_are_the_published_sizes(family: str) -> None:
    counts = {
        part: sum(p.numel() for p in shipped_model(CONFIGS / family / part).parameters()) for part in PUBLISHED[family]
    }
    assert counts == PUBLISHED[family]

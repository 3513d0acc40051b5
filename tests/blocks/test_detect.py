from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lib_lbw.blocks import DIALECTS, ModuleId, detect_family, family, spell
from lib_lbw.errors import FamilyError

IDS = ("sd1", "sd2", "sdxl")
Layers = Mapping[str, tuple[int, ...]]
Shapes = dict[str, tuple[int, ...]]
RANK = 4


def _lora(shape: tuple[int, ...]) -> Shapes:
    out, width, *kernel = shape
    ones = (1,) * len(kernel)
    return {"lora_down.weight": (RANK, width, *kernel), "lora_up.weight": (out, RANK, *ones), "alpha": ()}


def _loha(shape: tuple[int, ...]) -> Shapes:
    out, width = shape[:2]
    return {"hada_w1_a": (out, RANK), "hada_w1_b": (RANK, width), "hada_w2_a": (out, RANK), "hada_w2_b": (RANK, width)}


def _lokr(shape: tuple[int, ...]) -> Shapes:
    out, width = shape[:2]
    return {"lokr_w1": (2, 2), "lokr_w2_a": (out // 2, RANK), "lokr_w2_b": (RANK, width // 2), "alpha": ()}


def _full(shape: tuple[int, ...]) -> Shapes:
    return {"diff": shape, "diff_b": shape[:1]}


def _oft(shape: tuple[int, ...]) -> Shapes:
    return {"oft_blocks": (4, shape[0] // 4, shape[0] // 4), "alpha": ()}


def _file(layers: Layers, id: str, dialect: str = "kohya", make: Callable[[tuple[int, ...]], Shapes] = _lora) -> Shapes:
    return {
        f"{spell(ModuleId('unet', path), dialect, family(id))}.{suffix}": tensor
        for path, shape in layers.items()
        if len(shape) > 1
        for suffix, tensor in make(shape).items()
    }


def _text(component: str, id: str, width: int) -> Shapes:
    module = ModuleId(component, "text_model.encoder.layers.0.self_attn.q_proj")
    return {f"{spell(module, 'kohya', family(id))}.{suffix}": shape for suffix, shape in _lora((width, width)).items()}


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_published_u_nets_by_their_text_width(unets: Any, id: str, dialect: str) -> None:
    found = detect_family(_file(unets[id].layers, id, dialect))
    assert found.family == family(id)
    width = {"sd1": 768, "sd2": 1024, "sdxl": 2048}[id]
    assert f"{width} wide" in found.reason
    assert found.family.title in found.reason


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("make", [_loha, _lokr, _full])
def test_the_text_width_is_read_from_every_kind_of_tensor(
    unets: Any, id: str, make: Callable[[tuple[int, ...]], Shapes]
) -> None:
    layers = {path: shape for path, shape in unets[id].layers.items() if path.endswith("attn2.to_k")}
    assert detect_family(_file(layers, id, "kohya_ldm", make)).family == family(id)


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("make", [_lora, _oft])
def test_tiny_u_nets_by_structure(tiny_unets: Any, id: str, make: Callable[[tuple[int, ...]], Shapes]) -> None:
    expected = "sd1" if id == "sd2" and make is _oft else id
    found = detect_family(_file(tiny_unets[id].layers, id, make=make))
    assert found.family == family(expected)
    assert found.reason.startswith("No known text width; ")


@pytest.mark.parametrize("id", IDS)
def test_self_attention_alone_tells_by_structure(unets: Any, id: str) -> None:
    layers = {path: shape for path, shape in unets[id].layers.items() if ".attn1." in path}
    expected = "sd1" if id == "sd2" else id
    assert detect_family(_file(layers, id)).family == family(expected)


@pytest.mark.parametrize("id", IDS)
def test_a_text_encoder_tells_what_the_structure_does_not(unets: Any, id: str) -> None:
    layers = {path: shape for path, shape in unets[id].layers.items() if path.startswith("mid_block.resnets.")}
    with pytest.raises(FamilyError, match="fit SD1, SD2 and SDXL alike"):
        detect_family(_file(layers, id))
    if id == "sdxl":
        assert detect_family({**_file(layers, id), **_text("te2", id, 1280)}).family == family(id)
    else:
        up = {path: shape for path, shape in unets[id].layers.items() if path.startswith("up_blocks.3.resnets.")}
        width = {"sd1": 768, "sd2": 1024}[id]
        assert detect_family({**_file(up, id), **_text("te1", id, width)}).family == family(id)


@pytest.mark.parametrize(
    ("shapes", "id"),
    [
        (_text("te1", "sd1", 768), "sd1"),
        (_text("te1", "sd2", 1024), "sd2"),
        (_text("te1", "sdxl", 768), "sdxl"),
        (_text("te2", "sdxl", 1280), "sdxl"),
        ({"lora_te3_encoder_block_0_layer_0_SelfAttention_q.alpha": ()}, "flux"),
    ],
)
def test_files_of_text_encoders_only(shapes: Shapes, id: str) -> None:
    found = detect_family(shapes)
    assert found.family == family(id)
    assert "ext encoder" in found.reason


@pytest.mark.parametrize(
    ("field", "value", "id"),
    [
        ("ss_base_model_version", "lbw_demo_v1", "sd1"),
        ("ss_base_model_version", "sd_v2_768_v", "sd2"),
        ("ss_base_model_version", "sdxl_base_v1-0", "sdxl"),
        ("modelspec.architecture", "stable-diffusion-xl-v1-base/lora", "sdxl"),
        ("modelspec.architecture", "stable-diffusion-v1/lora", "sd1"),
    ],
)
def test_metadata_decides_where_the_width_does_not(tiny_unets: Any, field: str, value: str, id: str) -> None:
    layers = {path: shape for path, shape in tiny_unets["sd1"].layers.items() if path.startswith("mid_block")}
    found = detect_family(_file(layers, "sd1"), {field: value})
    assert found.family == family(id)
    assert value in found.reason


def test_shapes_decide_before_metadata(unets: Any) -> None:
    found = detect_family(_file(unets["sdxl"].layers, "sdxl"), {"ss_base_model_version": "sd_v1"})
    assert found.family == family("sdxl")


def test_a_stray_transformer_key_does_not_change_the_family(unets: Any) -> None:
    shapes = {**_file(unets["sd1"].layers, "sd1"), "lora_unet_double_blocks_0_img_attn_qkv.alpha": ()}
    assert detect_family(shapes).family == family("sd1")


def _flux(keys: int = 19) -> Shapes:
    double = {f"lora_unet_double_blocks_{n}_img_mod_lin.alpha": () for n in range(keys)}
    return {**double, **{f"lora_unet_single_blocks_{n}_linear1.alpha": () for n in range(2 * keys)}}


def test_flux_and_chroma() -> None:
    found = detect_family(_flux())
    assert found.family == family("flux")
    assert "Flux.1" in found.reason
    assert "double_blocks (19 modules), single_blocks (38 modules)" in found.reason
    guided = {**_flux(), "lora_unet_distilled_guidance_layer_in_proj.alpha": ()}
    assert detect_family(guided).family == family("chroma")
    assert detect_family(_flux(), {"modelspec.architecture": "chroma/lora"}).family == family("chroma")


def test_newer_transformers() -> None:
    anima = {f"diffusion_model.blocks.{n}.self_attn.q_proj.lora_A.weight": (RANK, 2048) for n in range(28)}
    found = detect_family({**anima, "lora_te_layers_0_self_attn_q_proj.alpha": ()})
    assert found.family.id == "dit:anima"
    assert "Anima: blocks (28 modules)" in found.reason
    unknown = detect_family({f"diffusion_model.blocks.{n}.mix.lora_A.weight": (RANK, 64) for n in range(5)})
    assert unknown.family.id == "dit:unknown"
    assert "no name" in unknown.reason


def test_a_full_checkpoint(unets: Any) -> None:
    layers = unets["sdxl"].layers
    shapes = {f"unet.{path}.weight": shape for path, shape in layers.items()}
    shapes["first_stage_model.encoder.conv_in.weight"] = (128, 3, 3, 3)
    assert detect_family(shapes).family == family("sdxl")


def test_nothing_to_go_by() -> None:
    with pytest.raises(FamilyError, match="the file is empty"):
        detect_family({})
    with pytest.raises(FamilyError, match=r"none of the 2 tensors .* 'first_stage_model\.encoder\.conv_in'"):
        detect_family({"first_stage_model.encoder.conv_in.weight": (1,), "foo": (1,)})

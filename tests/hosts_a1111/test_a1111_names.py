"""Every layer of the real models is the same module to us, by its name in the file and by its name in the host."""

from collections.abc import Iterator

import pytest
import torch

from lib_lbw.blocks.family import family
from lib_lbw.blocks.locate import block_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.names import parse_module
from lib_lbw.blocks.spell import spell
from lib_lbw.errors import KeyNameError
from lib_lbw.hosts.a1111.names import module_id
from tests.blocks.conftest import UNETS
from tests.hosts_a1111.program import Program

PARTS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2")
NOTHING = "nonsense.lora_up.weight"


def unet_modules(id: str) -> list[ModuleId]:
    """Every layer of the published U-Net that LoRA files can touch."""
    diffusers = pytest.importorskip("diffusers")
    with torch.device("meta"):
        model = diffusers.UNet2DConditionModel(sample_size=64, **UNETS[id])
    kinds = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.GroupNorm, torch.nn.LayerNorm)
    return [parse_module(f"unet.{name}") for name, layer in model.named_modules() if isinstance(layer, kinds)]


def te_modules(id: str) -> Iterator[tuple[ModuleId, str]]:
    """The text encoders' layers and their names in the host, as it spells them."""
    for layer in range(12):
        for part in PARTS:
            path = f"text_model.encoder.layers.{layer}.{part}"
            if id != "sd2":
                yield ModuleId("te1", path), f"{'0_' * (id == 'sdxl')}transformer_{path}".replace(".", "_")
            if id != "sd1":
                clip = path.replace("text_model.encoder.layers", "model.transformer.resblocks").replace("self_", "")
                clip = clip.replace("fc1", "c_fc").replace("fc2", "c_proj").replace(".", "_")
                yield ModuleId("te2" if id == "sdxl" else "te1", path), f"{'1_' * (id == 'sdxl')}{clip}"


@pytest.mark.parametrize("id", ["sd1", "sd2", "sdxl"])
def test_every_layer_by_either_name(id: str) -> None:
    kind = family(id)
    modules = [(module, f"diffusion_model_{spell(module, 'kohya_ldm', kind)[10:]}") for module in unet_modules(id)]
    assert len(modules) > 300
    for module, sd_key in [*modules, *te_modules(id)]:
        assert module_id(NOTHING, sd_key) == module
        for dialect in ("kohya", "kohya_ldm"):
            try:
                key = f"{spell(module, dialect, kind)}.lora_down.weight"
            except KeyNameError:
                continue
            assert module_id(key, "whatever") == module
    blocks = {block_of(module, kind) for module, _ in [*modules, *te_modules(id)]}
    assert blocks == set(kind.blocks)


@pytest.mark.parametrize("id", ["sd1", "sd2"])
def test_the_hosts_own_conversion_leads_to_the_same_blocks(host: Program, id: str) -> None:
    if not host.is_real:
        pytest.skip("the stand-in has a table instead")
    kind = family(id)
    convert = host.networks.convert_diffusers_name_to_compvis
    for module in [*unet_modules(id), *(module for module, _ in te_modules(id))]:
        sd_key = convert(spell(module, "kohya", kind), id == "sd2")
        if sd_key.startswith("lora_"):
            continue  # no layer of the host's: it leaves this one out
        read = module_id(NOTHING, sd_key)
        assert read is not None
        assert block_of(read, kind) == block_of(module, kind)


def test_what_nobody_can_read_has_no_name() -> None:
    assert module_id(NOTHING, "model_of_tomorrow_1") is None

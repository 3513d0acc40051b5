"""LoRA files of every algorithm and spelling for a few small layers of SD 1, and the sum a prompt would add."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lib_lbw.blocks.family import family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.errors import MergeError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.run import MergeResult, run_merge
from lib_lbw.weights.grammar import parse_directive
from lib_lbw.weights.resolve import resolve
from tests.lora.make_lora import LoraFiles, make_roles

SD1 = family("sd1")
METADATA = {"ss_base_model_version": "sd_v1"}
LAYERS: Mapping[str, tuple[int, ...]] = {
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": (12, 8),
    "unet.mid_block.resnets.0.conv1": (8, 6, 3, 3),
    "unet.up_blocks.1.attentions.0.proj_in": (8, 8, 1, 1),
    "te1.text_model.encoder.layers.0.mlp.fc1": (16, 8),
    "unet.time_embedding.linear_1": (8, 4),
}
NORM = "unet.mid_block.resnets.0.norm1"
SPELLINGS = ("kohya", "kohya_ldm", "lycoris", "diffusers", "peft", "old")
CONV_ONLY = frozenset({"tucker", "loha_tucker", "lokr_tucker", "glora_tucker"})
FREE = ("lora", "tucker", "loha", "loha_tucker", "lokr", "lokr_pairs", "lokr_first_pair", "lokr_full", "full")
FREE = (*FREE, "lokr_spread", "lokr_tucker")
"""Forms whose delta does not depend on the base weight."""
ON_BASE = ("ia3", "ia3_input", "glora", "oft", "boft", "dora", "doha", "set")

_KOHYA = ("lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm")
_PEFT = {"lora_up": "lora_B.weight", "lora_down": "lora_A.weight"}
_OLD = {"lora_up": "lora.up.weight", "lora_down": "lora.down.weight"}


@dataclass(frozen=True)
class Made:
    """A file: `forms` maps layers to algorithms; layers without one are missing."""

    forms: Mapping[str, str]
    spelling: str = "kohya"
    rank: int = 2
    alpha: float | None = 1.0
    seed: int = 0
    dtype: torch.dtype = torch.float32

    def write(self, folder: Path, name: str) -> Path:
        """Write the file and return its path."""
        state: dict[str, Tensor] = {}
        for number, (layer, form) in enumerate(self.forms.items()):
            shape = LAYERS.get(layer, (8,))
            roles = make_roles(form, shape, self.rank, self.seed * 100 + number)
            if self.alpha is not None:
                roles["alpha"] = torch.tensor(self.alpha, dtype=torch.float64)
            for role, tensor in roles.items():
                kept = (
                    tensor.to(torch.float32 if role == "alpha" else self.dtype)
                    if tensor.is_floating_point()
                    else tensor
                )
                state[self.key(layer, role)] = kept.contiguous()
        return LoraFiles(folder).save(name, state, METADATA)

    def key(self, layer: str, role: str) -> str:
        """Return the key of a tensor in the file's spelling."""
        names = {"diffusers": _PEFT, "peft": _PEFT, "old": _OLD}.get(self.spelling, {})
        module = spell(ModuleId.parse(layer), "diffusers" if self.spelling == "old" else self.spelling, SD1)
        return f"{module}.{names.get(role) or (f'{role}.weight' if role in _KOHYA else role)}"


def delta(file: LoraFile, id: ModuleId, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return weight (flattened; one zero where there is none) and bias of a module in float64; zeros if it lacks it."""
    module = next((each for each in file.modules if each.id == id), None)
    if module is None:
        return torch.zeros(1), torch.zeros(1)
    found = module_delta(module, file.read(module), base=base, dtype=torch.float64)
    weight = torch.zeros(1) if found.weight is None else found.weight.flatten()
    return weight.double(), torch.zeros(1) if found.bias is None else found.bias.double()


def prompt_sum(
    tags: Sequence[tuple[str, Path]], id: ModuleId, bases: Mapping[ModuleId, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Return what the tags of a prompt add to weight and bias of a layer, computed densely in float64."""
    weight, bias = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for tag, path in tags:
        file = LoraFile(path)
        scale = resolve(parse_directive(tag), file.family).scale(id, file.family)
        own_weight, own_bias = delta(file, id, (bases or {}).get(id))
        weight, bias = weight + scale * own_weight, bias + scale * own_bias
    return weight, bias


def tag_of(source: Source) -> str:
    """Return the tag of a prompt that means the source."""
    weights = f":lbw={source.weights}" if source.weights else ""
    elements = f":lbwe={source.elements}" if source.elements else ""
    te, unet = source.ratio * source.te, source.ratio * source.unet
    return f"<lora:{source.path.stem}:te={te!r}:unet={unet!r}{weights}{elements}>"


def distance(path: Path, sources: Sequence[Source], id: ModuleId) -> float:
    """Return how far the file is from the prompt in a layer, relative to the prompt; absolute where that is zero."""
    wanted = prompt_sum([(tag_of(source), source.path) for source in sources], id)
    found = delta(LoraFile(path), id)
    size = math.hypot(*(float(torch.linalg.vector_norm(each)) for each in wanted)) or 1.0
    return math.hypot(*(float(torch.linalg.vector_norm(a - b)) for a, b in zip(found, wanted, strict=True))) / size


def merged_unless_empty(recipe: Recipe) -> MergeResult | None:
    """Plan and run; None where the sum is zero everywhere."""
    try:
        return run_merge(plan_merge(recipe))
    except MergeError as error:
        if "nothing is left to write" not in str(error):
            raise
        return None


def merged(recipe: Recipe, **options: object) -> MergeResult:
    """Plan and run."""
    return run_merge(plan_merge(recipe, **options))  # type: ignore[arg-type]

"""Small LoRA files of every algorithm, with random tensors that depend on a seed alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.header import TensorInfo
from lib_lbw.lora.module import LoraModule
from lib_lbw.lora.roles import algorithm_of, rank_of

Shape = Sequence[int]
"""Shape of the layer's weight: [out, in], [out, in, kh, kw], or [channels] for a norm."""


@dataclass(frozen=True)
class Source:
    """Random numbers of one module: `rank` asked for, `shape` of its layer."""

    shape: Shape
    rank: int
    generator: torch.Generator

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64) * 0.5

    @property
    def out(self) -> int:
        return self.shape[0]

    @property
    def into(self) -> int:
        return self.shape[1]

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(self.shape[2:])

    @property
    def area(self) -> int:
        return int(torch.tensor(self.kernel).prod()) if self.kernel else 1


def divisor(n: int) -> int:
    """Return the smallest divisor of n above 1, or 1 for n = 1."""
    return next((d for d in range(2, n + 1) if n % d == 0), 1)


def _lora(s: Source) -> dict[str, Tensor]:
    ones = [1] * len(s.kernel)
    return {"lora_up": s(s.out, s.rank, *ones), "lora_down": s(s.rank, s.into, *s.kernel)}


def _tucker(s: Source) -> dict[str, Tensor]:
    ones = [1] * len(s.kernel)
    core = {"lora_mid": s(s.rank, s.rank, *s.kernel)}
    return {"lora_up": s(s.out, s.rank, *ones), "lora_down": s(s.rank, s.into, *ones), **core}


def _loha(s: Source) -> dict[str, Tensor]:
    halves = ({f"hada_w{n}_a": s(s.out, s.rank), f"hada_w{n}_b": s(s.rank, s.into * s.area)} for n in (1, 2))
    return {role: tensor for half in halves for role, tensor in half.items()}


def _loha_tucker(s: Source) -> dict[str, Tensor]:
    roles: dict[str, Tensor] = {}
    for n in (1, 2):
        roles[f"hada_t{n}"] = s(s.rank, s.rank, *s.kernel)
        roles[f"hada_w{n}_a"] = s(s.rank, s.out)
        roles[f"hada_w{n}_b"] = s(s.rank, s.into)
    return roles


def _lokr(first: str, second: str) -> Callable[[Source], dict[str, Tensor]]:
    def build(s: Source) -> dict[str, Tensor]:
        a, c = divisor(s.out), divisor(s.into)
        b, d = s.out // a, s.into // c
        halves = {
            "w1 full": {"lokr_w1": (a, c)},
            "w1 pair": {"lokr_w1_a": (a, s.rank), "lokr_w1_b": (s.rank, c)},
            "w2 full": {"lokr_w2": (b, d, *s.kernel)},
            "w2 pair": {"lokr_w2_a": (b, s.rank), "lokr_w2_b": (s.rank, d * s.area)},
            "w2 spread": {"lokr_w2_a": (b, s.rank), "lokr_w2_b": (s.rank, d, *s.kernel)},
            "w2 tucker": {
                "lokr_t2": (s.rank, s.rank, *s.kernel),
                "lokr_w2_a": (s.rank, b),
                "lokr_w2_b": (s.rank, d),
            },
        }
        return {role: s(*shape) for role, shape in (halves[f"w1 {first}"] | halves[f"w2 {second}"]).items()}

    return build


def _ia3(on_input: bool) -> Callable[[Source], dict[str, Tensor]]:
    def build(s: Source) -> dict[str, Tensor]:
        count = s.into if on_input else s.out
        shape = (1, count, *[1] * len(s.kernel)) if s.kernel else (count,)
        return {"weight": s(*shape), "on_input": torch.tensor(int(on_input))}

    return build


def _glora(s: Source) -> dict[str, Tensor]:
    ones = [1] * len(s.kernel)
    return {
        "a1": s(s.into, s.rank, *ones),
        "a2": s(s.rank, s.into, *ones),
        "b1": s(s.out, s.rank, *ones),
        "b2": s(s.rank, s.into, *s.kernel),
    }


def _glora_old(s: Source) -> dict[str, Tensor]:
    new = _glora(s)
    return {"a1": new["a2"], "a2": new["a1"], "b1": new["b2"], "b2": new["b1"]}


def _glora_tucker(s: Source) -> dict[str, Tensor]:
    ones = [1] * len(s.kernel)
    return _glora(s) | {"b2": s(s.rank, s.into, *ones), "bm": s(s.rank, s.rank, *s.kernel)}


def _oft(s: Source) -> dict[str, Tensor]:
    count = divisor(s.out)
    return {"oft_blocks": s(count, s.out // count, s.out // count)}


def _oft_rescaled(s: Source) -> dict[str, Tensor]:
    return _oft(s) | {"rescale": s(s.out, *[1] * (len(s.shape) - 1))}


def _oft_diag(s: Source) -> dict[str, Tensor]:
    return {"oft_diag": _oft(s)["oft_blocks"]}


def _boft(s: Source) -> dict[str, Tensor]:
    """Blocks of two rows times the odd part of out; out must be even."""
    count = 1
    while s.out % (4 * count) == 0:
        count *= 2
    side = s.out // count
    return {"oft_blocks": s(count.bit_length(), count, side, side)}


def _with_magnitude(build: Callable[[Source], dict[str, Tensor]], axis: int) -> Callable[[Source], dict[str, Tensor]]:
    def dora(s: Source) -> dict[str, Tensor]:
        shape = [1] * len(s.shape)
        shape[axis] = s.shape[axis]
        return build(s) | {"dora_scale": s(*shape).abs() + 0.1}

    return dora


FORMS: Mapping[str, Callable[[Source], dict[str, Tensor]]] = {
    "lora": _lora,
    "tucker": _tucker,
    "loha": _loha,
    "loha_tucker": _loha_tucker,
    "lokr": _lokr("full", "pair"),
    "lokr_pairs": _lokr("pair", "pair"),
    "lokr_first_pair": _lokr("pair", "full"),
    "lokr_full": _lokr("full", "full"),
    "lokr_spread": _lokr("full", "spread"),
    "lokr_tucker": _lokr("full", "tucker"),
    "full": lambda s: {"diff": s(*s.shape), "diff_b": s(s.out)},
    "norm": lambda s: {"w_norm": s(s.out), "b_norm": s(s.out)},
    "ia3": _ia3(False),
    "ia3_input": _ia3(True),
    "glora": _glora,
    "glora_old": _glora_old,
    "glora_tucker": _glora_tucker,
    "oft": _oft,
    "oft_rescaled": _oft_rescaled,
    "oft_diag": _oft_diag,
    "boft": _boft,
    "dora": _with_magnitude(_lora, 0),
    "dora_input": _with_magnitude(_lora, 1),
    "doha": _with_magnitude(_loha, 0),
    "dokr": _with_magnitude(_lokr("full", "pair"), 0),
    "set": lambda s: {"set_weight": s(*s.shape)},
}
"""Every way a module can be stored; glora_old and glora need rank < in, boft an even out, the Tucker forms a kernel."""

_WITH_WEIGHT = frozenset({"lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm"})


def make_roles(form: str, shape: Shape, rank: int = 4, seed: int = 0) -> dict[str, Tensor]:
    """Return role -> float64 tensor of one module of `form` for a layer of `shape`, without alpha."""
    return FORMS[form](Source(shape, rank, torch.Generator().manual_seed(seed)))


def make_state(
    modules: Mapping[str, Shape],
    form: str = "lora",
    *,
    rank: int = 4,
    alpha: float | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return key -> tensor of a LoRA in kohya spelling: `modules` maps names as the file writes them to shapes."""
    state: dict[str, Tensor] = {}
    for number, (name, shape) in enumerate(modules.items()):
        for role, tensor in make_roles(form, shape, rank, seed * 1000 + number).items():
            key = f"{name}.{role}.weight" if role in _WITH_WEIGHT else f"{name}.{role}"
            state[key] = (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        if alpha is not None:
            state[f"{name}.alpha"] = torch.tensor(alpha)
    return state


def as_module(roles: Mapping[str, Tensor], alpha: float | None = None, *, names: str = "{role}") -> LoraModule:
    """Return the module that a file with these tensors would give; `names` spells the keys."""
    infos = {
        role: TensorInfo(names.format(role=role), "F64", tuple(tensor.shape), 0, tensor.nbytes)
        for role, tensor in roles.items()
    }
    algorithm = algorithm_of("x", infos)
    rank, dora, scale = rank_of(algorithm, infos), "dora_scale" in roles, roles.get("scale")
    scale = None if scale is None else float(scale)
    return LoraModule(ModuleId("unet", "x"), "x", algorithm, infos, rank, alpha, dora, scale)


class LoraFiles:
    """Writes LoRA files into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(
        self,
        name: str,
        modules: Mapping[str, Shape],
        form: str = "lora",
        *,
        metadata: Mapping[str, str] | None = None,
        rank: int = 4,
        alpha: float | None = None,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ) -> Path:
        """Write one file of `make_state` tensors and return its path."""
        return self.save(name, make_state(modules, form, rank=rank, alpha=alpha, dtype=dtype, seed=seed), metadata)

    def save(self, name: str, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
        """Write the tensors of `state` and return the path."""
        path = self.folder / f"{name}.safetensors"
        save_file(dict(state), path, dict(metadata or {}))
        return path

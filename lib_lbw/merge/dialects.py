"""The two ways in which the layers of Flux.1 and Chroma are named, and which rows of the one are which of the other.

Black Forest Labs, and sd-scripts with them, keep queries, keys and values in one layer, and in the single blocks the
MLP as well; diffusers gives each a layer of its own. Both hold the same numbers: the rows of the fused layer are those
of its parts, one below the other (the last modulation has its halves exchanged). So the delta of a part is a delta of
the fused layer with zeros in all other rows, and the other way round a part takes its rows: either way exact. Beside
each other in one file the two are no sum: a host that knows both keeps one of them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.merge.numbers.rows import Stretch

Dialect = Literal["fused", "split"]
"""fused: as Black Forest Labs names the layers. split: as diffusers does."""

_FAMILIES = ("flux", "chroma")
_NUMBERED = re.compile(r"(.+?)\.(\d+)\.(.+)")


@dataclass(frozen=True)
class _Slice:
    """Rows of a split layer: `units` times the width of the layer's input from unit `start` on; None: all rows."""

    name: str
    start: int = 0
    units: int | None = None


def _parts(*names: str, mlp: str = "") -> tuple[_Slice, ...]:
    """Return the slices of queries, keys and values, and of an MLP four times as wide."""
    return (*(_Slice(name, 0, 1) for name in names), *([_Slice(mlp, 0, 4)] if mlp else []))


def _whole(names: Mapping[str, str]) -> dict[str, tuple[_Slice, ...]]:
    return {fused: (_Slice(split),) for fused, split in names.items()}


_Layers = Mapping[str, tuple[_Slice, ...]]

_DOUBLE: _Layers = {
    "img_attn.qkv": _parts("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": _parts("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    **_whole(
        {
            **{"img_attn.proj": "attn.to_out.0", "txt_attn.proj": "attn.to_add_out"},
            **{"img_mlp.0": "ff.net.0.proj", "img_mlp.2": "ff.net.2"},
            **{"txt_mlp.0": "ff_context.net.0.proj", "txt_mlp.2": "ff_context.net.2"},
            **{"img_mod.lin": "norm1.linear", "txt_mod.lin": "norm1_context.linear"},
            **{"img_attn.norm.query_norm": "attn.norm_q", "img_attn.norm.key_norm": "attn.norm_k"},
            **{"txt_attn.norm.query_norm": "attn.norm_added_q", "txt_attn.norm.key_norm": "attn.norm_added_k"},
        }
    ),
}
_SINGLE: _Layers = {
    "linear1": _parts("attn.to_q", "attn.to_k", "attn.to_v", mlp="proj_mlp"),
    **_whole({"linear2": "proj_out", "modulation.lin": "norm.linear"}),
    **_whole({"norm.query_norm": "attn.norm_q", "norm.key_norm": "attn.norm_k"}),
}
_GUIDANCE: _Layers = _whole({"in_layer": "linear_1", "out_layer": "linear_2"})
_EMBEDDERS = {"time_in": "timestep_embedder", "vector_in": "text_embedder", "guidance_in": "guidance_embedder"}
_SINGLE_ONES: _Layers = {
    **_whole({"img_in": "x_embedder", "txt_in": "context_embedder", "final_layer.linear": "proj_out"}),
    **_whole({f"{name}.in_layer": f"time_text_embed.{split}.linear_1" for name, split in _EMBEDDERS.items()}),
    **_whole({f"{name}.out_layer": f"time_text_embed.{split}.linear_2" for name, split in _EMBEDDERS.items()}),
    "final_layer.adaLN_modulation.1": (_Slice("norm_out.linear", 1, 1), _Slice("norm_out.linear", 0, 1)),
}
_GUIDED = "distilled_guidance_layer.layers"
_LISTS: tuple[tuple[str, str, _Layers], ...] = (
    ("double_blocks", "transformer_blocks", _DOUBLE),
    ("single_blocks", "single_transformer_blocks", _SINGLE),
    (_GUIDED, _GUIDED, _GUIDANCE),
    ("", "", _SINGLE_ONES),
)

_Name = tuple[str, str]
"""The list that a layer stands in, and its name there."""

_FUSED: Mapping[_Name, tuple[str, tuple[_Slice, ...]]] = MappingProxyType(
    {(fused, name): (split, slices) for fused, split, layers in _LISTS for name, slices in layers.items()}
)
_SPLIT: Mapping[_Name, _Name] = MappingProxyType(
    {(_FUSED[fused][0], each.name): fused for fused in _FUSED for each in _FUSED[fused][1]}
)


@dataclass(frozen=True)
class Place:
    """Where the delta of a module belongs: in `module`, a layer of `out` rows, at `rows`; no rows: as it is."""

    module: ModuleId
    rows: tuple[Stretch, ...] = ()
    out: int = 0


def dialect_of(module: ModuleId) -> Dialect | None:
    """Return the dialect that a layer of Flux.1 or Chroma is named in; None for one that both name alike."""
    name, _ = _named(module)
    if module.component != "transformer" or (name in _FUSED and name in _SPLIT):
        return None
    return "fused" if name in _FUSED else "split" if name in _SPLIT else None


def common_dialect(modules: Iterable[ModuleId], family: Family) -> Dialect | None:
    """Return the dialect to write when both are among the modules: that of the first. None where there is but one."""
    if not is_joined(family):
        return None
    found = [dialect for dialect in map(dialect_of, modules) if dialect is not None]
    return found[0] if len(set(found)) > 1 else None


def is_joined(family: Family) -> bool:
    """Whether the two dialects of a family are known here."""
    return family.id in _FAMILIES


def places(module: ModuleId, shape: Sequence[int] | None, dialect: Dialect) -> tuple[Place, ...]:
    """Return where the delta of a module belongs among the layers as `dialect` names them.

    `shape` is that of the delta, None where it is not known. Raises ValueError for a module that has to be cut or
    joined and is no such layer.
    """
    if dialect_of(module) in (None, dialect):
        return (Place(module),)
    name, number = _named(module)
    if dialect == "split":
        other, slices = _FUSED[name]
        targets = {each.name: _module((other, each.name), number) for each in slices}
    else:
        slices = _FUSED[_SPLIT[name]][1]
        targets = {name[1]: _module(_SPLIT[name], number)}
    if slices[0].units is None:
        return tuple(map(Place, targets.values()))
    stretches = _stretches(slices)
    width = _width(shape, sum(each.length for own, each in stretches if dialect == "split" or own == name[1]))
    return tuple(
        Place(target, *_rows([each for own, each in stretches if own == part], stretches, width, dialect))
        for part, target in targets.items()
    )


def _stretches(slices: Sequence[_Slice]) -> list[tuple[str, Stretch]]:
    """Return, in units, which rows of which split layer are which of the fused one."""
    found, at = [], 0
    for each in slices:
        length = each.units or 0
        found.append((each.name, Stretch(each.start, at, length)))
        at += length
    return found


def _rows(
    own: Sequence[Stretch], all_: Sequence[tuple[str, Stretch]], width: int, dialect: Dialect
) -> tuple[tuple[Stretch, ...], int]:
    """Return the stretches of a split layer in rows, from it or to it, and how many rows the layer has they go to."""
    if dialect == "split":
        rows = [Stretch(each.at * width, each.start * width, each.length * width) for each in own]
        return tuple(rows), sum(each.length for each in own) * width
    rows = [Stretch(each.start * width, each.at * width, each.length * width) for each in own]
    return tuple(rows), sum(each.length for _, each in all_) * width


def _width(shape: Sequence[int] | None, units: int) -> int:
    """Return the columns of a delta that has `units` times as many rows. Raises ValueError for another."""
    if shape is None or len(shape) != 2 or shape[0] != units * shape[1]:
        raise ValueError(f"a delta of shape {shape} is not {units} times as high as wide")
    return shape[1]


def _named(module: ModuleId) -> tuple[_Name, str]:
    """Return list and name of a layer, and its number in the list."""
    match = _NUMBERED.fullmatch(module.path)
    return ((match[1], match[3]), match[2]) if match else (("", module.path), "")


def _module(name: _Name, number: str) -> ModuleId:
    return ModuleId("transformer", f"{name[0]}.{number}.{name[1]}" if name[0] else name[1])

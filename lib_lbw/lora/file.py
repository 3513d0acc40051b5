"""A LoRA file: its modules, blocks, ranks and alphas at once, tensors on demand. Importing it needs no torch."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from lib_lbw.blocks.detect import detect_family
from lib_lbw.blocks.family import Family
from lib_lbw.blocks.keys import parse_key
from lib_lbw.blocks.locate import block_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import KeyNameError, LoraFileError
from lib_lbw.lora.adapter import AdapterConfig, read_adapter_config
from lib_lbw.lora.header import Header, TensorInfo, read_header
from lib_lbw.lora.module import LoraModule
from lib_lbw.lora.roles import algorithm_of, rank_of
from lib_lbw.lora.scalars import decode_scalar

if TYPE_CHECKING:
    import torch

_PICKLES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".pkl"})
_SCALARS = ("alpha", "scale")


class LoraFile:
    """A LoRA in safetensors format. Opening reads the header and the alphas; nothing changes afterwards.

    `modules` in the order of their ids; `unknown_keys` are tensors no spelling explains (embeddings, say); `blocks`
    maps each leaf of the family that the file touches to its modules, in family order.
    """

    def __init__(self, path: str | Path) -> None:
        """Open `path`.

        Raises LoraFileError (pickle, damaged, no LoRA, missing partner, shapes that do not fit) and FamilyError.
        """
        self.path: Final = Path(path)
        _refuse_pickle(self.path)
        self.header: Final[Header] = read_header(self.path)
        self._stamp: Final = _stamp(self.path.stat())
        self.name: Final = self.path.stem
        self.metadata: Final = self.header.metadata
        groups, unknown = _group(self.header)
        self.unknown_keys: Final = unknown
        _check_is_lora(self.path, groups)
        self.modules: Final = _modules(self.header, groups)
        detection = detect_family({k: t.shape for k, t in self.header.tensors.items()}, self.metadata)
        self.family: Final[Family] = detection.family
        self.family_reason: Final[str] = detection.reason
        self.blocks: Final = _by_block(self.modules, self.family)

    def __repr__(self) -> str:
        return f"LoraFile({str(self.path)!r})"

    def present(self) -> tuple[str, ...]:
        """Return the shown names of the blocks the file touches, in family order."""
        return tuple(name for name in self.family.shown() if self._touches(name))

    def absent(self) -> tuple[str, ...]:
        """Return the shown names of the blocks the file does not touch, in family order."""
        return tuple(name for name in self.family.shown() if not self._touches(name))

    def read(self, module: LoraModule, device: str | torch.device = "cpu") -> dict[str, torch.Tensor]:
        """Return the tensors of `module` by role, in their stored dtype, on `device`.

        Raises LoraFileError when the file was changed or moved since it was opened, UnsupportedLoraError for an odd
        dtype.
        """
        from lib_lbw.lora.storage import read_tensor  # noqa: PLC0415 - torch only when tensors are wanted

        try:
            with self.path.open("rb") as stream:
                if _stamp(os.fstat(stream.fileno())) != self._stamp:
                    raise LoraFileError("{path} was changed since it was opened.", path=self.path)
                return {role: read_tensor(stream, info).to(device) for role, info in module.tensors.items()}
        except OSError as error:
            reason = error.strerror or error
            raise LoraFileError("{path} cannot be read: {reason}.", path=self.path, reason=reason) from error

    def summary(self) -> dict[str, Any]:
        """Return what there is to say of the file, ready for JSON."""
        shown = {
            name: [m for leaf in self.family.leaves(name) for m in self.blocks.get(leaf, ())] for name in self.present()
        }
        return {
            "path": self.path.as_posix(),
            "bytes": self.header.size,
            "family": self.family.id,
            "family_reason": self.family_reason,
            "modules": len(self.modules),
            "algorithms": _counts(m.algorithm for m in self.modules),
            "dora": sum(m.dora for m in self.modules),
            "tucker": sum(m.tucker for m in self.modules),
            "ranks": _counts(str(m.rank) for m in self.modules if m.rank is not None),
            "alphas": _counts(f"{m.alpha:g}" for m in self.modules if m.alpha is not None),
            "without_alpha": sum(m.alpha is None and m.rank is not None for m in self.modules),
            "dtypes": _counts(info.dtype for m in self.modules for info in m.tensors.values()),
            "components": _counts(m.id.component for m in self.modules),
            "blocks": {k: {"modules": len(v), "bytes": sum(m.nbytes for m in v)} for k, v in shown.items()},
            "absent": list(self.absent()),
            "unknown_keys": list(self.unknown_keys),
            "metadata": dict(self.metadata),
        }

    def _touches(self, name: str) -> bool:
        return any(leaf in self.blocks for leaf in self.family.leaves(name))


@dataclass
class _Group:
    spelled: str
    tensors: dict[str, TensorInfo]


def _refuse_pickle(path: Path) -> None:
    if path.suffix.lower() in _PICKLES:
        raise LoraFileError(
            "{path} is a pickle, and opening a pickle can run any program. Convert it to safetensors first: "
            'python -c "import torch, safetensors.torch as s; '
            "s.save_file(torch.load('{name}', weights_only=True), '{stem}.safetensors')\"",
            **{"path": path, "name": path.name, "stem": path.stem},
        )


def _check_is_lora(path: Path, groups: Mapping[ModuleId, _Group]) -> None:
    if not groups:
        raise LoraFileError("{path} holds no LoRA: no tensor name is one of a LoRA.", path=path)
    if all(group.tensors.keys() <= {"weight", "bias"} for group in groups.values()):
        raise LoraFileError("{path} is a model or checkpoint, not a LoRA.", path=path)


def _group(header: Header) -> tuple[dict[ModuleId, _Group], tuple[str, ...]]:
    groups: dict[ModuleId, _Group] = {}
    unknown = []
    for name, info in header.tensors.items():
        try:
            key = parse_key(name)
        except KeyNameError:
            unknown.append(name)
            continue
        group = groups.setdefault(key.module, _Group(key.spelled, {}))
        if key.role in group.tensors:
            raise LoraFileError(
                "{path}: {first} and {second} are two spellings of the same tensor.",
                **{"path": header.path, "first": group.tensors[key.role].name, "second": name},
            )
        group.tensors[key.role] = info
    return groups, tuple(sorted(unknown))


def _modules(header: Header, groups: Mapping[ModuleId, _Group]) -> tuple[LoraModule, ...]:
    numbers = _read_numbers(header, groups.values())
    config = read_adapter_config(header.path, header.metadata)
    return tuple(_module(id, groups[id], numbers, config) for id in sorted(groups))


def _module(id: ModuleId, group: _Group, numbers: Mapping[str, float], config: AdapterConfig) -> LoraModule:
    tensors = MappingProxyType(group.tensors)
    algorithm = algorithm_of(group.spelled, tensors)
    rank = rank_of(algorithm, tensors)
    alpha, scale = (numbers[tensors[role].name] if role in tensors else None for role in _SCALARS)
    if alpha is None and rank is not None:
        alpha = config.alpha(id, rank)
    if alpha is None and scale is None and rank is None and algorithm == "lokr":
        scale = config.full_scaling(id)
    module = LoraModule(id, group.spelled, algorithm, tensors, rank, alpha, "dora_scale" in tensors, scale)
    if not math.isfinite(module.strength):
        raise LoraFileError("{module}: alpha or scale is not a finite number.", module=group.spelled)
    return module


def _read_numbers(header: Header, groups: Iterable[_Group]) -> dict[str, float]:
    infos = [group.tensors[role] for group in groups for role in _SCALARS if role in group.tensors]
    numbers = {}
    with header.path.open("rb") as stream:
        for info in sorted(infos, key=lambda info: info.start):
            stream.seek(info.start)
            try:
                numbers[info.name] = decode_scalar(info.dtype, stream.read(min(info.end - info.start, 16)))
            except ValueError as error:
                raise LoraFileError("{key} is not a single number.", key=info.name) from error
    return numbers


def _by_block(modules: Iterable[LoraModule], family: Family) -> Mapping[str, tuple[LoraModule, ...]]:
    found: dict[str, list[LoraModule]] = {leaf: [] for leaf in family.blocks}
    for module in modules:
        found[block_of(module.id, family)].append(module)
    return MappingProxyType({leaf: tuple(held) for leaf, held in found.items() if held})


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino

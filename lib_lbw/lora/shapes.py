"""Whether the tensors of a module fit together, told from their shapes alone.

A joint is a pair of axes that must be of one length, because a product runs over them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lib_lbw.errors import LoraFileError
from lib_lbw.lora.header import TensorInfo

Tensors = Mapping[str, TensorInfo]
"""Canonical role -> tensor."""

_Axis = tuple[str, int]
_Joint = tuple[_Axis, _Axis]

_MATRICES = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2_a")
_DIMS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {**dict.fromkeys(_MATRICES, (2,)), "oft_blocks": (3, 4), "oft_diag": (3,)}
)
_ONE_BY_ONE = frozenset({"lora_up", "a1", "a2"})
_FACTORS = frozenset(
    {"lora_down", "lora_mid", "hada_t1", "hada_t2", "lokr_w2", "lokr_w2_b", "lokr_t2", "b1", "b2", "bm"}
)


def check_shapes(spelled: str, algorithm: str, tensors: Tensors) -> None:
    """Check the tensors of the module written `spelled`, all partners of `algorithm` being there.

    Raises LoraFileError naming the tensor, or the two that do not fit.
    """
    flat = _ONE_BY_ONE | _beside_core(tensors)
    for role, info in tensors.items():
        shape = info.shape
        good = len(shape) in _DIMS[role] if role in _DIMS else len(shape) >= 2 or role not in _FACTORS | flat
        if not good or 0 in shape or (role in flat and any(n != 1 for n in shape[2:])):
            raise LoraFileError("{key} has the impossible shape {shape}.", key=info.name, shape=list(shape))
    for first, second in _JOINTS.get(algorithm, _none)(tensors):
        _check_joint(spelled, tensors, first, second)


def glora_order(a1: tuple[int, ...]) -> tuple[str, str]:
    """Return the numbers of the left and the right factor of a GLoRA, told by the shape of `a1`.

    The rank is the short side. LyCORIS 2 and later: ("1", "2") with a1 [in, r]; 1.8: ("2", "1") with a1 [r, in].
    """
    return ("2", "1") if a1[:1] < a1[1:2] else ("1", "2")


def _beside_core(tensors: Tensors) -> set[str]:
    """Return the factors whose kernel has moved into a Tucker core."""
    moved = {"lora_down"} if "lora_mid" in tensors else set()
    if "lokr_t2" in tensors:
        moved.add("lokr_w2_b")
    if "bm" in tensors:
        moved.add("b" + glora_order(tensors["a1"].shape)[1])
    return moved


def _none(tensors: Tensors) -> list[_Joint]:
    return []


def _chain(left: _Axis, middle: str, right: _Axis, tensors: Tensors) -> list[_Joint]:
    return [(left, (middle, 0)), ((middle, 1), right)] if middle in tensors else [(left, right)]


def _lora(tensors: Tensors) -> list[_Joint]:
    return _chain(("lora_up", 1), "lora_mid", ("lora_down", 0), tensors)


def _loha(tensors: Tensors) -> list[_Joint]:
    rank_axis, out_axis = (0, 1) if "hada_t1" in tensors else (1, 0)
    joints = [(("hada_w1_a", out_axis), ("hada_w2_a", out_axis)), (("hada_w1_b", 1), ("hada_w2_b", 1))]
    for n in (1, 2):
        joints += _chain((f"hada_w{n}_a", rank_axis), f"hada_t{n}", (f"hada_w{n}_b", 0), tensors)
    kernel = range(2, max(len(tensors[f"hada_t{n}"].shape) for n in (1, 2))) if "hada_t1" in tensors else range(0)
    return joints + [(("hada_t1", axis), ("hada_t2", axis)) for axis in kernel]


def _lokr(tensors: Tensors) -> list[_Joint]:
    joints: list[_Joint] = []
    if "lokr_w1" not in tensors:
        joints.append((("lokr_w1_a", 1), ("lokr_w1_b", 0)))
    if "lokr_w2" not in tensors:
        rank_axis = 0 if "lokr_t2" in tensors else 1
        joints += _chain(("lokr_w2_a", rank_axis), "lokr_t2", ("lokr_w2_b", 0), tensors)
    return joints


def _glora(tensors: Tensors) -> list[_Joint]:
    left, right = glora_order(tensors["a1"].shape)
    a_left, a_right, b_left, b_right = f"a{left}", f"a{right}", f"b{left}", f"b{right}"
    around = [((a_left, 1), (a_right, 0)), ((a_left, 0), (a_right, 1)), ((b_left, 1), (a_left, 1))]
    return around + _chain((b_left, 1), "bm", (b_right, 0), tensors)


def _rotation(tensors: Tensors) -> list[_Joint]:
    role = "oft_blocks" if "oft_blocks" in tensors else "oft_diag"
    axes = len(tensors[role].shape)
    return [((role, axes - 1), (role, axes - 2))]


_JOINTS: Mapping[str, Callable[[Tensors], list[_Joint]]] = MappingProxyType(
    {"lora": _lora, "loha": _loha, "lokr": _lokr, "glora": _glora, "oft": _rotation, "boft": _rotation}
)


def _check_joint(spelled: str, tensors: Tensors, first: _Axis, second: _Axis) -> None:
    lengths = [tensors[role].shape[axis : axis + 1] for role, axis in (first, second)]
    if lengths[0] == lengths[1] != ():
        return
    raise LoraFileError(
        "{module}: {first} {first_shape} does not fit {second} {second_shape}.",
        **{"module": spelled, "first": first[0], "second": second[0]},
        **{f"{place}_shape": list(tensors[role].shape) for place, (role, _) in (("first", first), ("second", second))},
    )

"""What a user should know of two checkpoints beside the LoRA that is their difference."""

from collections.abc import Iterator, Sequence

from lib_lbw.merge.checkpoint.difference import Pair, is_embedding, same_layer
from lib_lbw.merge.checkpoint.encoders import Encoder
from lib_lbw.merge.checkpoint.names import COMPONENTS, Slot
from lib_lbw.weights.notice import Notice

MARKERS = ("v_pred", "ztsnr")
"""Empty tensors by which a checkpoint says what it predicts and how its noise ends."""

_VAE = ("first_stage_model.", "vae.")


def pair_notices(pair: Pair, encoders: Sequence[Encoder], left_out: Sequence[str]) -> tuple[Notice, ...]:
    """Return a sentence for everything that differs and that no LoRA can hold, and for what was decided."""
    return tuple(_notices(pair, encoders, left_out))


def _notices(pair: Pair, encoders: Sequence[Encoder], left_out: Sequence[str]) -> Iterator[Notice]:
    if pair.alpha != pair.beta:
        yield Notice.of(
            "{alpha} times the first less {beta} times the second: {rest} of the whole model stays in the difference, "
            "which no low rank holds.",
            **{"alpha": f"{pair.alpha:g}", "beta": f"{pair.beta:g}", "rest": f"{pair.alpha - pair.beta:g}"},
        )
    yield from (_encoder(encoder) for encoder in encoders)
    yield from _lone(pair)
    if left_out:
        yield Notice.of("left out, as the shapes differ: {modules}.", modules=", ".join(left_out))
    tables = [str(a.module) for a, b in pair.common() if is_embedding(a) and same_layer(a, b) and _differ(pair, a, b)]
    if tables:
        yield Notice.of("{tables} differ; a LoRA cannot hold tables of words.", tables=", ".join(tables))
    yield from _markers(pair)
    changed = _changed_vae(pair)
    if changed:
        yield Notice.of("the VAEs differ in {count:tensor|tensors}; a LoRA holds nothing of a VAE.", count=changed)


def _encoder(encoder: Encoder) -> Notice:
    template = (
        "{part} differs by {change} and is taken." if encoder.taken else "{part} differs by {change} and is left out."
    )
    return Notice.of(template, part=encoder.component, change=f"{encoder.change:.2%}")


def _lone(pair: Pair) -> Iterator[Notice]:
    for component in COMPONENTS:
        for file, count in zip((pair.a, pair.b), pair.lone(component), strict=True):
            if count:
                yield Notice.of(
                    "only {path} has {count:tensor|tensors} of {part}; left out.",
                    **{"path": file.path.name, "count": count, "part": component},
                )


def _markers(pair: Pair) -> Iterator[Notice]:
    for marker in MARKERS:
        held = [file.path.name for file in (pair.a, pair.b) if marker in file.header.tensors]
        if len(held) == 1:
            yield Notice.of(
                "only {path} is marked {marker}; a LoRA cannot carry that, choose it where you draw.",
                **{"path": held[0], "marker": marker},
            )


def _differ(pair: Pair, a: Slot, b: Slot) -> bool:
    return pair.difference(a, b) is not None


def _changed_vae(pair: Pair) -> int:
    """Count the tensors of the VAEs that are not the same byte for byte, and those that only one file has."""
    names = {name for file in (pair.a, pair.b) for name in file.header.tensors if name.startswith(_VAE)}
    return sum(not _same_bytes(pair, name) for name in names)


def _same_bytes(pair: Pair, name: str) -> bool:
    infos = [file.header.tensors.get(name) for file in (pair.a, pair.b)]
    if infos[0] is None or infos[1] is None:
        return False
    if (infos[0].dtype, infos[0].shape) != (infos[1].dtype, infos[1].shape):
        return False
    return pair.a.raw(name) == pair.b.raw(name)

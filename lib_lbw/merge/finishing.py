"""From the delta of a module to the tensors that are stored, and how far these, read back, are from it.

Storing rounds. Where that loses more than it should (numbers beyond float16, or a difference of two LoRAs so alike
that the rounding of each outweighs it) the same delta is factored anew by its singular values, which are as small as
the difference itself; if that does not help either, it is stored in float32 where the recipe leaves the choice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from lib_lbw.errors import MergeError
from lib_lbw.lora.module import LoraModule
from lib_lbw.lora.storage import TORCH_DTYPES
from lib_lbw.merge.distance import Distance, between, of_roles
from lib_lbw.merge.encoding import as_module, bias_roles, cast, finite, term_roles
from lib_lbw.merge.job import Job
from lib_lbw.merge.layer import without_magnitude
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.ranks import RankRule
from lib_lbw.merge.numbers.reduce import decompose
from lib_lbw.merge.numbers.terms import Kron, Term
from lib_lbw.merge.precision import BOUNDS
from lib_lbw.merge.reading import bias_of, term_of
from lib_lbw.merge.spool import Spool
from lib_lbw.merge.summing import Wanted


class DoesNotFitError(MergeError):
    """A module whose numbers the wanted precision cannot hold. `module` is its name, `dtype` that of the precision."""

    def __init__(self, module: str, dtype: str) -> None:
        """Build the error."""
        super().__init__("{module} does not fit {dtype}.", module=module, dtype=dtype)
        self.module = module
        self.dtype = dtype


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the module as it is stored (None: its delta is zero, it is left out), and its error.

    `widened`: it is stored in float32 because the wanted precision does not hold it.
    """

    job: Job
    module: LoraModule | None
    distance: Distance
    widened: bool = False


@dataclass(frozen=True)
class Finisher:
    """Stores modules in `spool` as `dtype` (a safetensors name); `free`: the recipe leaves the precision to us.

    `rule` decides the rank of a module that is cut, together with the limit of its job.
    """

    spool: Spool
    dtype: str
    free: bool
    rule: RankRule | None = None

    def keep(self, job: Job, roles: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> Outcome:
        """Store `roles`, the tensors `before` after weighing. If `free`, all keep their dtype, and so their bits.

        Raises DoesNotFitError.
        """
        own = {role: tensor.dtype for role, tensor in before.items()} if self.free else {}
        for dtype in self._dtypes():
            stored = cast(roles, TORCH_DTYPES[dtype], own)
            if finite(stored):
                module, found = self.store(job, stored)
                widened = self.free and not own
                return Outcome(job, module, _distance_kept(job, module, found, before, roles), widened)
            own = {}
        raise DoesNotFitError(job.names.module, self.dtype)

    def finish(self, job: Job, wanted: Wanted, extra: Mapping[str, Tensor], limit: int | None) -> Outcome:
        """Store `wanted`, cut to `limit` ranks where the job is cut, with the tensors `extra` beside it.

        Raises DoesNotFitError.
        """
        if wanted.empty:
            return Outcome(job, None, Distance())
        own = {role: tensor.dtype for role, tensor in extra.items()} if self.free else {}
        for dtype in self._dtypes():
            for form, size in self._forms(job, wanted.term, limit):
                roles = {**term_roles(job, form), **bias_roles(job, wanted.bias), **extra}
                stored = cast(roles, TORCH_DTYPES[dtype], own)
                if not finite(stored):
                    continue
                module, found = self.store(job, stored)
                term, bias = term_of(without_magnitude(module), found), bias_of(module, found)
                beside = between(bias, wanted.bias)
                whole = form is wanted.term
                rounded = between(term, form) + beside
                if rounded.error <= BOUNDS[dtype]:
                    distance = rounded if whole else between(term, wanted.term, size) + beside
                    return Outcome(job, module, distance, widened=dtype != self.dtype)
        raise DoesNotFitError(job.names.module, self.dtype)

    def _dtypes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.dtype, "F32"))) if self.free else (self.dtype,)

    def _forms(self, job: Job, term: Term | None, limit: int | None) -> Iterator[tuple[Term | None, float | None]]:
        """Give what may be stored for `term`, the best first, and the energy of `term` where it came to light."""
        if job.way in ("cut", "core"):
            yield cut(job, term, self.rule, limit)
            return
        yield term, None
        if isinstance(term, LowRank):
            yield cut(job, term, None, term.rank)

    def store(self, job: Job, tensors: Mapping[str, Tensor]) -> tuple[LoraModule, dict[str, Tensor]]:
        """Put the tensors into the spool and return the module they make, and the tensors as they are read back."""
        keys = {role: job.names.key(role) for role in tensors}
        self.spool.put({keys[role]: tensor for role, tensor in tensors.items()})
        module = as_module(job, tensors, {role: self.spool.info(key) for role, key in keys.items()})
        return module, {role: self.spool.get(key).to(tensors[role].device) for role, key in keys.items()}


def cut(job: Job, term: Term | None, rule: RankRule | None, limit: int | None) -> tuple[LowRank | None, float | None]:
    """Return the best approximation of `term` of the rank that `rule` asks for, at most `limit`, and |term|^2."""
    if term is None:
        return None, None
    found = decompose(term, limit if rule is None else None, seed_of(str(job.id)))
    ranks = [len(found.singular)] + ([] if rule is None else [rule.rank(found.singular)])
    return found.cut(min(ranks + ([] if limit is None else [limit]))).factors, found.total


def _distance_kept(
    job: Job, module: LoraModule, found: Mapping[str, Tensor], before: Mapping[str, Tensor], roles: Mapping[str, Tensor]
) -> Distance:
    """Return how far a weighed module is from its part times its scale."""
    part = job.parts[0]
    if module.needs_base:
        return of_roles(found, roles)
    bias = bias_of(part.module, before)
    wanted = _scaled(term_of(part.module, before), part.scale)
    return between(term_of(module, found), wanted) + between(
        bias_of(module, found), None if bias is None else bias * part.scale
    )


def _scaled(term: Term | None, scale: float) -> Term | None:
    if isinstance(term, LowRank):
        return LowRank(term.up * scale, term.down)
    if isinstance(term, Kron):
        return Kron(term.first * scale, term.second)
    return None if term is None else term * scale

"""What a finished checkpoint says of how it was made."""

import json

from lib_lbw.merge.checkpoint.hashing import both_hashes
from lib_lbw.merge.checkpoint.into_plan import IntoPlan
from lib_lbw.merge.checkpoint.work import Steps
from lib_lbw.merge.digest import payload_digest
from lib_lbw.merge.metadata import RECIPE_KEY
from lib_lbw.merge.stored import settled, to_store

_STALE = ("sshs_", "modelspec.hash_sha256", "modelspec.thumbnail")


def checkpoint_metadata(plan: IntoPlan, steps: Steps) -> dict[str, str]:
    """Return the metadata of the base with the recipe: every LoRA by name, payload, ratio and weights.

    The base is told by its payload too, and by the sha256 of the whole file, as sites list checkpoints.
    """
    kept = {k: v for k, v in plan.checkpoint.header.metadata.items() if not k.startswith(_STALE)}
    base, header = plan.checkpoint.path, plan.checkpoint.header
    whole, payload = both_hashes(base, steps, header.data_start)
    digests = {each.identity: payload_digest(each.identity) for each in plan.opened}
    digests[base.resolve()] = payload, header.size - header.data_start
    result = {"base_sha256": whole, "rounding_seed": plan.seed}
    recipe = to_store(settled(plan.recipe, plan.opened, digests), plan.recipe, result)
    return {**kept, RECIPE_KEY: json.dumps(recipe, ensure_ascii=False, separators=(",", ":"))}

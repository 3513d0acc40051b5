"""Textual inversions that come inside a LoRA file, passed on as they are."""

from lib_lbw.errors import MergeError
from lib_lbw.lora.storage import read_tensor
from lib_lbw.merge.plan import EMBEDDING, MergePlan
from lib_lbw.merge.spool import Spool


def spool_embeddings(plan: MergePlan, spool: Spool) -> None:
    """Put the embeddings of all sources into the spool. Raises MergeError for two different ones of one name."""
    owners: dict[str, str] = {}
    for each in plan.opened:
        for key in each.file.unknown_keys:
            if not key.startswith(EMBEDDING):
                continue
            with each.file.path.open("rb") as stream:
                tensor = read_tensor(stream, each.file.header.tensors[key])
            if key in owners and not (spool.info(key).shape == tuple(tensor.shape) and spool.get(key).equal(tensor)):
                raise MergeError(
                    "{first} and {second} both bring the embedding {key}, and not the same.",
                    **{"first": owners[key], "second": each.file.name, "key": key},
                )
            owners[key] = each.file.name
            spool.put({key: tensor})

"""Floor 0: which block does a tensor of a LoRA file belong to? Names and families only; torch is never imported.

    key of the file --parse_key--> TensorKey(module, role) --block_of(family)--> block

Families, vectors and module names are data (`data/*.json`, each citing its sources).
"""

from lib_lbw.blocks.detect import Detection, detect_family
from lib_lbw.blocks.family import BASE, OTHER, Family, families, family
from lib_lbw.blocks.generic import generic_family
from lib_lbw.blocks.keys import TensorKey, parse_key
from lib_lbw.blocks.locate import block_of, elements_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.names import parse_module
from lib_lbw.blocks.spell import DIALECTS, spell

__all__ = [
    "BASE",
    "DIALECTS",
    "OTHER",
    "Detection",
    "Family",
    "ModuleId",
    "TensorKey",
    "block_of",
    "detect_family",
    "elements_of",
    "families",
    "family",
    "generic_family",
    "parse_key",
    "parse_module",
    "spell",
]

"""From what the user asks for to the cells to draw: pure, and every fault shows before the first picture.

BlockStudy | XyzStudy --plan--> AnalysisPlan
"""

import random

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.plan_blocks import plan_blocks
from lib_lbw.analysis.plan_xyz import plan_xyz
from lib_lbw.analysis.study import BlockStudy, Study


def plan(study: Study, bench: Bench, rng: random.Random | None = None) -> AnalysisPlan:
    """Return the plan of a study. `rng` draws the seeds -1 and the values R and U; the plan holds what was drawn.

    Raises AnalysisError for a field that cannot be read, DirectiveError for weights that cannot be resolved; both
    name what is wrong and the nearest right word.
    """
    rng = rng or random.Random()
    return plan_blocks(study, bench, rng) if isinstance(study, BlockStudy) else plan_xyz(study, bench, rng)

"""What analyses and axes weigh with: the family and blocks of a LoRA's file, and the presets of a job."""

from lib_lbw.analysis.bench import Bench
from lib_lbw.ui.door.desk import Desk
from lib_lbw.webui.overlay import Books


def bench_for(desk: Desk, lora: str, known: Books) -> Bench:
    """Return the bench of a LoRA by its name in the prompt.

    Raises LoraFileError, naming the nearest, for one that the WebUI does not have.
    """
    file = desk.file(lora)
    return Bench(file.family, tuple(file.blocks), known.presets, known.elements)

"""Generate: the picture of the prompt, beside the same picture without its LoRAs."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace

from PIL import Image

from lib_lbw.hosts.base import OnStep, Picture, StopDrawing
from lib_lbw.ui.jobs import Job
from lib_lbw.ui.workbench import Workbench
from lib_lbw.weights.grammar import find_directives, without_directives
from lib_lbw.weights.notice import Notice


@dataclass(frozen=True)
class Drawn:
    """The pictures of a generation as far as they are finished, and the parameters and notices of the weighted one."""

    plain: Image.Image | None = None
    weighted: Image.Image | None = None
    parameters: str = ""
    notices: tuple[Notice, ...] = ()


def generate(
    bench: Workbench, owner: str, prompt: str, picture: Picture, compare: bool
) -> Generator[float | Drawn, None, None]:
    """Draw `prompt` with `picture`'s settings; with `compare`, first without its LoRAs.

    Yields the share that is done (0 to 1) and, after each picture, what there is; stops early when `owner` asks the
    desk to. Raises LbwError before anything is drawn when the prompt is wrong.
    """
    session = bench.session
    session.prepare(prompt, picture.seed, picture)
    plain = without_directives(prompt) if compare and find_directives(prompt) else None

    def work(job: Job[float | Drawn]) -> None:
        drawn = Drawn()
        if plain is not None:
            drawn = replace(drawn, plain=session.generate(plain, picture, _on_step(job, 0.0, 0.5)).image)
            job.report(drawn)
        begin = 0.0 if plain is None else 0.5
        begun = time.monotonic()
        result = session.generate(prompt, picture, _on_step(job, begin, 1.0 - begin))
        bench.pace.learn(time.monotonic() - begun, picture, 1)
        drawn = replace(drawn, weighted=result.image, parameters=result.parameters, notices=result.notices)
        job.report(drawn)

    try:
        yield from bench.desk.run(owner, work)
    except StopDrawing:
        return


def _on_step(job: Job[float | Drawn], begin: float, share: float) -> OnStep:
    def on_step(step: int, steps: int) -> None:
        if job.should_stop():
            raise StopDrawing
        job.report(begin + share * step / steps)

    return on_step

"""Analyze: what the form asks for as a plan, and the plan as a job that reports."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.results import Results
from lib_lbw.analysis.run import Progress, run_analysis
from lib_lbw.analysis.sources import with_sources
from lib_lbw.analysis.study import parse_range
from lib_lbw.analysis.tag import find_tag
from lib_lbw.errors import LbwError
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.session import Session
from lib_lbw.ui.diagram_cells import short
from lib_lbw.ui.form import Form, study_of
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.jobs import Job
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.messages import error_message
from lib_lbw.ui.pace import duration
from lib_lbw.ui.workbench import Workbench


@dataclass(frozen=True)
class Step:
    """The share of all sampling steps that is done, in 0 to 1, and the seconds the rest will take."""

    share: float
    seconds_left: float


def plan_of(bench: Workbench, form: Form) -> AnalysisPlan:
    """Return the plan of what the form asks for. Raises LbwError for a field that cannot be read."""
    chance = random.Random()
    session = bench.session
    tag = find_tag(form.prompt, form.lora or None, session.presets)
    material = Bench(session.host.family, bench.present(tag.directive.name), session.presets, session.elements)
    made = plan(study_of(form, chance), material, chance)
    session.prepare(made.cells[0].prompt, made.cells[0].seed, form.picture)
    return made


def describe(bench: Workbench, form: Form, translate: Translate) -> str:
    """Return what the form asks for and how long it will take, as HTML; or what is wrong with it."""
    try:
        count = len(plan_of(bench, form).requests())
        how = _method(form, translate)
    except LbwError as error:
        return error_message(error, translate, form.prompt)
    picture = form.picture
    size = {"count": count, "width": picture.width, "height": picture.height, "steps": picture.steps}
    seconds = bench.pace.expect(picture, count)
    if seconds is None:
        cost = say(translate, "{count} pictures of {width} × {height}, {steps} steps each", **size)
    else:
        template = "{count} pictures of {width} × {height}, {steps} steps each: about {time}"
        cost = say(translate, template, **size, time=duration(seconds, translate))
    return element("p", element("strong", escape(cost)) + element("br") + escape(how), class_="lbw-plan")


def _method(form: Form, translate: Translate) -> str:
    """Return in a sentence what changes from picture to picture."""
    if form.axes is not None:
        return translate("Every place of the grid is compared with the LoRA as it is in the prompt.")
    low, high = (short(number) for number in parse_range(form.range))
    one = "One block at a time at {low}, the others as in the prompt: what changes is that block's work."
    inverse = "One block at a time at {high}, all others at {low}: what appears is that block's work."
    return say(translate, inverse if form.inverse else one, low=low, high=high)


def analyze(bench: Workbench, owner: str, plan: AnalysisPlan, folder: Path) -> Iterator[Step | Progress | Results]:
    """Draw what is missing of `plan` in `folder`; yield how far it is and, last, the results.

    The settings of the pictures are the plan's. Stops when `owner` asks the desk to; what is drawn stays in the folder
    and in the results. Raises LbwError.
    """
    picture = Picture.from_json(plan.picture)
    session = Session(bench.session.host, bench.session.presets, bench.session.elements, picture)
    plan = with_sources(plan, session.host.model, session.host.loras)

    def notices() -> list[str]:
        prepared = session.prepare(plan.cells[-1].prompt, plan.cells[-1].seed)
        return [str(notice) for notice in (*prepared.notices, *session.host.notices(prepared.plans))]

    def work(job: Job[Step | Progress]) -> Results:
        begun = time.monotonic()

        def on_step(done: int, total: int) -> None:
            spent = time.monotonic() - begun
            bench.pace.learn(spent, picture, done / picture.steps)
            job.report(Step(done / total, spent * (total - done) / done))

        return run_analysis(
            plan,
            session,
            folder,
            on_progress=job.report,
            should_stop=job.should_stop,
            on_step=on_step,
            notices=notices,
        )

    results = yield from bench.desk.run(owner, work)
    yield results

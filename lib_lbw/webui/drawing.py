"""Draws the pictures of an analysis with the WebUI's own processing, one after the other."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from lib_lbw.analysis.generator import OnImage, OnStep, Request
from lib_lbw.weights.grammar import find_directives


@dataclass
class Drawing:
    """An `analysis.Generator`. `job` is the WebUI's processing object, of which every picture gets a copy.

    `process(copy)` draws, `state` is the WebUI's shared state. A picture that was interrupted or skipped is not handed
    over: it is half done. `texts` are the parameter texts of the pictures drawn, by prompt and seed.
    """

    job: Any
    process: Callable[[Any], Any]
    state: Any
    texts: dict[Request, str] = field(default_factory=dict)

    def generate_many(
        self,
        requests: Sequence[Request],
        on_image: OnImage,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> None:
        """Draw every request, one at a time."""
        self.state.job_count = len(requests)
        steps = max(1, int(self.job.steps))
        for number, request in enumerate(requests):
            if should_stop():
                return
            self.state.job = f"{number + 1} out of {len(requests)}"
            made = self.process(prepared(self.job, request))
            if made is not None and made.images and not _is_half(self.state):
                image, text = _picture(made)
                self.texts[request] = text
                on_image(number, image, text)
            on_step((number + 1) * steps, len(requests) * steps)


def prepared(job: Any, request: Request) -> Any:
    """Return a copy of a job that draws one picture: the prompt and the seed of `request`, one batch of one."""
    made = copy(job)
    made.extra_generation_params = dict(job.extra_generation_params)
    made.override_settings = dict(job.override_settings)
    made.prompt, made.seed = request.prompt, request.seed
    hires = getattr(job, "hr_prompt", "")
    if isinstance(hires, str) and hires:
        made.hr_prompt = _with_tags_of(hires, request.prompt)
    made.batch_size = made.n_iter = 1
    made.do_not_save_grid = True
    return made


def _with_tags_of(prompt: str, other: str) -> str:
    """Return the prompt with the tags of the other one in place of its tags of the same LoRAs, in order."""
    fresh = [found for found in find_directives(other) if found.directive is not None]
    edits: list[tuple[int, int, str]] = []
    for found in find_directives(prompt):
        match = next((each for each in fresh if found.directive and _name(each) == found.directive.name), None)
        if match is not None:
            fresh.remove(match)
            edits.append((found.start, found.end, match.text))
    for start, end, text in reversed(edits):
        prompt = prompt[:start] + text + prompt[end:]
    return prompt


def _name(found: Any) -> str:
    return str(found.directive.name)


def _is_half(state: Any) -> bool:
    return bool(getattr(state, "interrupted", False) or getattr(state, "skipped", False))


def _picture(made: Any) -> tuple[Image.Image, str]:
    """Return the picture and its parameters; a grid may stand before it, and pictures of other extensions after."""
    first = int(getattr(made, "index_of_first_image", 0))
    number = first if first < len(made.images) else 0
    texts = list(made.infotexts or [made.info])
    return made.images[number], str(texts[min(number, len(texts) - 1)])

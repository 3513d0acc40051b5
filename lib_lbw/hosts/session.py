"""The user's door: a prompt with directives in, a picture and what was understood out."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image

from lib_lbw.analysis.generator import OnImage, OnStep, Request
from lib_lbw.engine.plan import ScalePlan, plan
from lib_lbw.errors import DirectiveError, FamilyError
from lib_lbw.hosts.base import Host, Job, Picture, StopDrawing
from lib_lbw.hosts.infotext import Drawn, parameters
from lib_lbw.hosts.library import Library
from lib_lbw.hosts.plain_tags import plain_tag, told
from lib_lbw.lora.file import LoraFile
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.element_presets import ElementBook
from lib_lbw.weights.faults import closest, fault
from lib_lbw.weights.grammar import Found, find_directives, without_directives
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import PresetBook
from lib_lbw.weights.resolve import resolve

OnBadDirective = Literal["stop", "ignore"]
"""What becomes of a directive that cannot be carried out."""

_Tag: TypeAlias = tuple[BlockWeights, LoraFile]


@dataclass(frozen=True)
class Prepared:
    """A prompt, understood: the words for the text encoder, and a plan and the weights of every directive."""

    prompt: str
    plans: tuple[ScalePlan, ...]
    weights: tuple[BlockWeights, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class Result:
    """A picture, the weights it was drawn with, what the user should know, and its parameter text."""

    image: Image.Image
    weights: tuple[BlockWeights, ...]
    notices: tuple[Notice, ...]
    parameters: str


class Session:
    """Draws prompts with directives on one host."""

    def __init__(
        self,
        host: Host,
        presets: PresetBook | Callable[[], PresetBook] | None = None,
        elements: ElementBook | Callable[[], ElementBook] | None = None,
        settings: Picture | None = None,
        *,
        on_bad_directive: OnBadDirective = "stop",
    ) -> None:
        """`presets` and `elements` default to the shipped ones; a function is asked anew for every prompt.

        `settings` are what `generate_many` draws with, apart from prompt and seed; by default the host's.
        `on_bad_directive` "stop" raises for a bad directive; "ignore" draws with the plain tag and tells so.
        """
        self.host = host
        self._presets = PresetBook.shipped() if presets is None else presets
        self._elements = ElementBook.shipped() if elements is None else elements
        self.settings = settings or host.defaults
        self.on_bad_directive = on_bad_directive
        self.notices: tuple[Notice, ...] = ()
        """What the last `generate_many` has to tell, each notice once."""
        self._library = Library()

    @property
    def presets(self) -> PresetBook:
        """The presets as they are now."""
        return self._presets() if callable(self._presets) else self._presets

    @property
    def elements(self) -> ElementBook:
        """The elemental presets as they are now."""
        return self._elements() if callable(self._elements) else self._elements

    def add_lora(self, path: Path) -> None:
        """Let prompts name the LoRA at `path` by its stem, also when another file had that name before."""
        self.host.loras = {**self.host.loras, path.stem: path}

    def prepare(self, prompt: str, seed: int, picture: Picture | None = None) -> Prepared:
        """Parse, resolve and plan every directive of `prompt`; `seed` is the picture's, for random weights.

        `picture` has the settings to draw with, by default the session's. Raises DirectiveError for a bad directive
        or a LoRA that the host does not have, FamilyError for a LoRA of another family than the model's, HostError
        for settings that the model cannot draw with.
        """
        settings = self.settings if picture is None else picture
        self.host.check(settings)
        read = [self._read(found, seed) for found in find_directives(prompt)]
        tags = [tag for tag, _ in read if tag is not None]
        plans = tuple(self._plan(made, file) for made, file in tags)
        notices = [notice for _, remarks in read for notice in remarks]
        for made, _ in tags:
            notices += (*made.notices, *_unsupported(made), *_never(made, settings.steps))
        weights = tuple(made for made, _ in tags)
        return Prepared(without_directives(prompt).strip(), plans, weights, tuple(notices))

    def generate(self, prompt: str, picture: Picture | None = None, on_step: OnStep | None = None) -> Result:
        """Draw `prompt` with the settings of `picture` (its own prompt is not looked at)."""
        settings = self.settings if picture is None else picture
        prepared = self.prepare(prompt, settings.seed, settings)
        image = self.host.draw(replace(settings, prompt=prepared.prompt), prepared.plans, on_step)
        notices = (*prepared.notices, *self.host.notices(prepared.plans))
        return Result(image, prepared.weights, notices, self._parameters(prompt, settings, prepared))

    def generate_many(
        self,
        requests: Sequence[Request],
        on_image: OnImage,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> None:
        """Draw every request with the session's settings, several at once; an `analysis.Generator`.

        All prompts are understood before the first picture is begun. `should_stop()` is asked at every step. What is
        to be told afterwards is in `notices`.
        """
        self.notices = ()
        settings = [replace(self.settings, seed=request.seed) for request in requests]
        prepared = [self.prepare(request.prompt, request.seed) for request in requests]
        jobs: list[Job] = [
            (replace(picture, prompt=one.prompt), one.plans) for picture, one in zip(settings, prepared, strict=True)
        ]

        def deliver(number: int, image: Image.Image) -> None:
            text = self._parameters(requests[number].prompt, settings[number], prepared[number])
            on_image(number, image, text)

        def step(done: int, total: int) -> None:
            on_step(done, total)
            if should_stop():
                raise StopDrawing

        with suppress(StopDrawing):
            self.host.draw_many(jobs, deliver, step)
        plans = [made for one in prepared for made in one.plans]
        self.notices = _once([*(notice for one in prepared for notice in one.notices), *self.host.notices(plans)])

    def _read(self, found: Found, seed: int) -> tuple[_Tag | None, tuple[Notice, ...]]:
        """Read one tag, as strictly as the session is set to."""
        try:
            if found.directive is None:
                assert found.error is not None
                raise found.error
            return self._tag(found, found.directive, seed), ()
        except DirectiveError as error:
            if self.on_bad_directive == "stop":
                raise
            plain = plain_tag(found)
            known = plain is not None and plain.name in self.host.loras
            tag = self._tag(found, plain, seed) if plain is not None and known else None
            return tag, told(found, error, kept=tag is not None)

    def _tag(self, found: Found, directive: Directive, seed: int) -> _Tag:
        """Return the weights of a directive and its file."""
        file = self._file(found, directive.name)
        made = resolve(
            directive,
            self.host.family,
            presets=self.presets,
            elements=self.elements,
            seed=seed,
            present=tuple(file.blocks),
        )
        return made, file

    def _plan(self, weights: BlockWeights, file: LoraFile) -> ScalePlan:
        """Give every module of a file its scale."""
        modules = (module.id for module in file.modules)
        return plan(weights, modules, self.host.family, file.path.resolve().as_posix())

    def _file(self, found: Found, name: str) -> LoraFile:
        """Return the file that a directive names."""
        if name not in self.host.loras:
            position = found.start + found.text.index(name, found.text.index(":") + 1)
            raise fault("there is no LoRA named {text!r}", name, position, closest(name, self.host.loras))
        file = self._library.open(self.host.loras[name])
        if file.family.id != self.host.family.id:
            raise FamilyError(
                '"{name}" is a LoRA for {lora}, but the model is {model}. ({reason})',
                name=name,
                lora=file.family.title,
                model=self.host.family.title,
                reason=file.family_reason,
            )
        return file

    def _parameters(self, prompt: str, settings: Picture, prepared: Prepared) -> str:
        """Return the parameter text of one picture."""
        return parameters(Drawn(prompt, settings, prepared.weights, self.host.model))


def _once(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Leave out what was told before."""
    return tuple(dict.fromkeys(notices))


def _unsupported(weights: BlockWeights) -> tuple[Notice, ...]:
    """Tell what of a directive only a WebUI can do."""
    if weights.dyn is None:
        return ()
    return (
        Notice.of(
            "{lora}: dyn={dyn} has no effect here; only a WebUI lowers the rank.", lora=weights.lora, dyn=weights.dyn
        ),
    )


def _never(weights: BlockWeights, steps: int) -> tuple[Notice, ...]:
    """Tell of a window that holds none of the `steps` steps of the picture."""
    window = weights.schedule
    if window is None or any(window.active(step, steps) for step in range(steps)):
        return ()
    return (
        Notice.of(
            "{lora}: the window {window} holds none of the {steps} steps, so its U-Net part never acts.",
            lora=weights.lora,
            window=window,
            steps=steps,
        ),
    )

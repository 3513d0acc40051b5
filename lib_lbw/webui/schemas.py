"""The shapes of what the routes take and answer, as the WebUI's `/docs` and `/openapi.json` show them.

What a program reads here is what `answers` and the door of the panels say. A field that may be missing is None here.
"""

from pydantic import BaseModel


class Edited(BaseModel):
    """A text to save, and the text it was made from."""

    text: str
    base: str = ""


class Prompt(BaseModel):
    """A prompt with tags; `presets` and `elements` count for this request alone."""

    prompt: str
    seed: int = 0
    presets: str = ""
    elements: str = ""


class Fault(BaseModel):
    """What is wrong: a sentence, and the kind of the fault.

    Of a tag also the exact `text`, its place in the prompt and the nearest right one; of presets the line; when
    somebody else saved meanwhile, their text.
    """

    message: str
    kind: str
    text: str | None = None
    position: int | None = None
    nearest: str | None = None
    line: int | None = None
    theirs: str | None = None


class Refusal(BaseModel):
    """The answer to a request that could not be met."""

    error: Fault


class PresetLine(BaseModel):
    """A line of presets, without its end; `name` and `weights` where it has them, `fault` where it cannot be read."""

    number: int
    text: str
    end: str
    name: str | None = None
    weights: str | None = None
    fault: str | None = None


class PresetText(BaseModel):
    """The user's text, a stamp that changes with it, its lines, and those that come with the program.

    `merged` is true after saving when somebody else had changed other lines meanwhile, which are kept.
    """

    text: str
    stamp: str
    lines: list[PresetLine]
    shipped: list[PresetLine]
    merged: bool | None = None


class LoraNames(BaseModel):
    """The names of the LoRAs, as prompts have them."""

    loras: list[str]


class LoraFamily(BaseModel):
    """The kind of model a LoRA is for, and how that was found."""

    id: str
    title: str
    reason: str


class BlockSize(BaseModel):
    """What a LoRA holds for one block."""

    modules: int
    bytes: int


class LoraFacts(BaseModel):
    """What a LoRA file holds: blocks present and absent, and how many modules by algorithm, rank, alpha and dtype."""

    name: str
    family: LoraFamily
    present: list[str]
    absent: list[str]
    bytes: int
    modules: int
    algorithms: dict[str, int]
    dora: int
    ranks: dict[str, int]
    alphas: dict[str, int]
    dtypes: dict[str, int]
    blocks: dict[str, BlockSize]


class Rule(BaseModel):
    """A weight for the layers of these names (or, negated, for all others) in these blocks; None: in all."""

    blocks: list[str] | None
    elements: list[str]
    negated: bool
    weight: float


class Window(BaseModel):
    """The steps at which a LoRA acts, as written after `start=` and `stop=`."""

    start: str | None
    stop: str | None


class ResolvedTag(BaseModel):
    """A tag of the prompt: prompt[start:end] == text. It has an `error`, or all that comes before it.

    `weights` are block -> number, `numbers` is the tag with numbers in place of names.
    """

    text: str
    start: int
    end: int
    name: str | None = None
    family: str | None = None
    weights: dict[str, float] | None = None
    rules: list[Rule] | None = None
    schedule: Window | None = None
    numbers: str | None = None
    notices: list[str] | None = None
    error: Fault | None = None


class ResolvedPrompt(BaseModel):
    """The tags of a prompt, in order."""

    tags: list[ResolvedTag]

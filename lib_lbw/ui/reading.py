"""What the prompt says at present: every tag of it, resolved or with its fault. No torch, so it follows the typing."""

from dataclasses import dataclass, replace

from lib_lbw.analysis.tag import MARK, MIRROR, ONE, is_marked, is_mirror
from lib_lbw.errors import LbwError
from lib_lbw.hosts.session import Session
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import Found, find_directives, format_directive
from lib_lbw.weights.notice import Notice

FOR_ANALYZE = "{mark} marks a LoRA for Analyze; Generate knows no preset of that name"


@dataclass(frozen=True)
class Tag:
    """One tag of a prompt, at prompt[start:end]: either `weights` and notices, or `error`."""

    text: str
    start: int
    end: int
    directive: Directive | None
    weights: BlockWeights | None = None
    notices: tuple[Notice, ...] = ()
    error: LbwError | None = None

    @property
    def name(self) -> str:
        """The LoRA's name, or the tag's whole text when it has none that can be read."""
        return self.directive.name if self.directive else self.text


def read_prompt(session: Session, prompt: str, seed: int) -> tuple[Tag, ...]:
    """Return the tags of `prompt` in order. `seed` draws the random weights. Faults are collected, never raised."""
    return tuple(_read_tag(session, found, seed) for found in find_directives(prompt))


def _read_tag(session: Session, found: Found, seed: int) -> Tag:
    place = (found.text, found.start, found.end, found.directive)
    if found.directive is None:
        return Tag(*place, error=found.error)
    try:
        # Blanks stand for the words before, so that positions in errors are positions in the whole prompt.
        prepared = session.prepare(" " * found.start + found.text, seed)
    except LbwError as error:
        return _read_mark(session, found, seed) or Tag(*place, error=error)
    return Tag(*place, weights=prepared.weights[0], notices=prepared.notices)


def _read_mark(session: Session, found: Found, seed: int) -> Tag | None:
    """Read a tag that is only marked for an analysis, as one with all weights 1; None for any other fault."""
    directive = found.directive
    if directive is None or not (is_marked(directive) or is_mirror(directive)):
        return None
    sound = replace(directive, weights=ONE, elements=None)
    try:
        prepared = session.prepare(format_directive(sound), seed)
    except LbwError:
        return None
    notice = Notice.of(FOR_ANALYZE, mark=MARK if is_marked(directive) else MIRROR)
    return Tag(found.text, found.start, found.end, directive, prepared.weights[0], (*prepared.notices, notice))

"""What a picture's parameters tell of its block weights: the tags with numbers only, and what there was to say."""

import logging
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from lib_lbw.hosts.infotext import KEY
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.tags import Tag
from lib_lbw.ui.i18n import Translate
from lib_lbw.webui import host
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import format_directive
from lib_lbw.weights.notice import Notice

HIRES_KEY = f"{KEY} hires"
NOTES_KEY = f"{KEY} notes"

_LOG = logging.getLogger("lora_block_weight")


def recorded(tag: Tag, entry: Entry) -> str:
    """Return a tag as the host reads it, with its weights as numbers: it needs no preset, seed or x.

    Weights that come out as the plain LoRA are 1, so that what was a tag of ours can be told as one.
    """
    numeric = entry.weights.resolved()
    ours = format_directive(Directive("x", weights=numeric.weights, schedule=numeric.schedule))
    items = ours.removeprefix("<lora:x:1").removesuffix(">") or ":lbw=1"
    return f"<{tag.text[1:5]}:{':'.join(tag.host_items)}{items}>"


def record(job: Any, tags: Iterable[tuple[Tag, Entry | None]]) -> None:
    """Write the resolved tags of one activation into the parameters of the picture, or take old ones out.

    A second pass (hires) has a prompt of its own and is told of apart, if it differs. Several jobs may share one
    dictionary, so what does not hold any more is removed.
    """
    parameters = _parameters(job)
    text = ", ".join(recorded(tag, entry) for tag, entry in tags if entry is not None)
    if getattr(job, "is_hr_pass", False):
        if text not in ("", parameters.get(KEY)):  # the refiner may activate the first pass's tags in the second one
            parameters[HIRES_KEY] = text
        return
    _put(parameters, KEY, text)
    _put(parameters, HIRES_KEY, "")
    _put(parameters, NOTES_KEY, "")


class Recorder:
    """Records the tags of a picture when it begins, and not again when the refiner activates them in its middle.

    Neo may put other files in the place of the prompt's for the second checkpoint (`high_noise=low_noise`), in the very
    same tags; whoever pastes the parameters has the prompt, and needs its names.
    """

    def __init__(self) -> None:
        self._tags_of_host: Any = None
        self._begun = False

    def on_step(self) -> None:
        """Take note that the model is about to be called."""
        self._begun = True

    def record(self, job: Any, tags: Iterable[tuple[Tag, Entry | None]]) -> None:
        """Record the resolved tags of one activation, see `record`."""
        name = "hr_extra_network_data" if getattr(job, "is_hr_pass", False) else "extra_network_data"
        tags_of_host = getattr(job, name, None)  # made anew for each picture
        self._begun &= tags_of_host is not None and tags_of_host is self._tags_of_host
        self._tags_of_host = tags_of_host
        if not self._begun:
            record(job, tags)


def report(job: Any, notices: Sequence[Notice], translate: Translate) -> None:
    """Show notices under the picture and on the console, and write them into the parameters, which an API returns."""
    sentences = list(dict.fromkeys(notice.localized(translate) for notice in notices))
    for sentence in sentences:
        host.tell(job, sentence)
        _LOG.warning("LoRA Block Weight: %s", sentence)
    add_notes(job, notices)


def add_notes(job: Any, notices: Sequence[Notice]) -> None:
    """Write notices into the parameters of a job or of a result, which an API returns."""
    parameters = _parameters(job)
    before = parameters.get(NOTES_KEY, "")
    fresh = [str(notice) for notice in dict.fromkeys(notices) if str(notice) not in before]
    _put(parameters, NOTES_KEY, " | ".join(filter(None, [before, *fresh])))


def _parameters(job: Any) -> MutableMapping[str, Any]:
    found = getattr(job, "extra_generation_params", None)
    return found if isinstance(found, dict) else {}


def _put(parameters: MutableMapping[str, Any], key: str, text: str) -> None:
    if text:
        parameters[key] = text
    else:
        parameters.pop(key, None)

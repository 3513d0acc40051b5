"""Stands before the host's activation of a prompt's LoRAs: reads the tags, and hands on what the host understands."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lib_lbw.errors import HostError, LbwError
from lib_lbw.hosts.webui.adapter import Adapter
from lib_lbw.hosts.webui.conds import share_te_weights
from lib_lbw.hosts.webui.entries import not_loaded
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.keyframes import keyframe_notices
from lib_lbw.hosts.webui.prompts import loses_tags, tags_of
from lib_lbw.hosts.webui.steps import step_of
from lib_lbw.hosts.webui.tags import Tag, host_part
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.weights.notice import Notice

UNKNOWN_KIND = "{tag} has no effect: this WebUI knows no such tags; write <lora:...>"
FIRST_ONLY = (
    "the WebUI takes the LoRAs of the first prompt of a batch for all its pictures; use batch count instead of batch "
    "size"
)

OnBad: TypeAlias = Literal["stop", "ignore"]
"""End the generation with the error, or tell of it and let the LoRA act as a plain tag."""


@dataclass(frozen=True)
class Policy:
    """What the gate asks of those above it; `p` is the host's processing object.

    `look_for(tag, p)` is called once for a tag that has a directive: time to find its file. `resolve(tag, p)` gives
    the numbers of such a tag, or None where the host shall have it as a plain tag (no such file), and is asked again
    then when the host has loaded its LoRAs; it may raise LbwError. `on_bad(p, error)` says what becomes of a bad
    directive. `report(p, notices)` is called when there is something to tell, `record(p, tags)` at every activation,
    also without tags.
    """

    look_for: Callable[[Tag, Any], None]
    resolve: Callable[[Tag, Any], Entry | None]
    on_bad: Callable[[Any, LbwError], OnBad]
    report: Callable[[Any, Sequence[Notice]], None]
    record: Callable[[Any, Sequence[tuple[Tag, Entry | None]]], None]


class Gate:
    """Connects an adapter with the host's processing of prompts."""

    def __init__(self, adapter: Adapter, policy: Policy) -> None:
        self._adapter = adapter
        self._policy = policy
        self._patches = Patches()
        self._current: Callable[[], Any] = lambda: None

    def install(self) -> None:
        """Install the adapter and wrap the host's functions. A second call changes nothing of what acts.

        Raises HostError, with nothing installed, in a host that lacks one of them.
        """
        from modules import extra_networks, processing

        self.uninstall()
        try:
            self._adapter.install()
            self._patches.wrap(extra_networks, "activate", self._activate)
            share_te_weights(self._patches, processing.StableDiffusionProcessing, self._adapter)
        except HostError:
            self.uninstall()
            raise

    def uninstall(self) -> None:
        """Undo `install`."""
        self._patches.undo()
        self._adapter.uninstall()

    def on_cfg_denoiser(self, params: Any) -> None:
        """Answer the host's callback before each call of the denoising model.

        Hosts before 1.8 do not say which denoiser calls; it is the one of the processing that was activated last.
        """
        denoiser = getattr(params, "denoiser", None)
        p = getattr(denoiser, "p", None) or self._current()
        if denoiser is None:
            denoiser = getattr(getattr(p, "sampler", None), "model_wrap_cfg", None)
        if denoiser is not None:
            self._adapter.on_step(*step_of(denoiser, p), p)

    def _activate(self, original: Callable[..., Any], p: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Stand in for `extra_networks.activate`.

        An exception inside the host's activation is only logged there, and the picture made with whatever was applied
        before; raised here it ends the generation and is shown.
        """
        self._current = _reference(p)
        tags, unknown = tags_of(data)
        told = [Notice.of(UNKNOWN_KIND, tag=tag.text) for tag in unknown]
        if loses_tags(p):
            told.append(Notice.of(FIRST_ONLY))
        for tag in tags:
            if tag.directive is not None:
                self._policy.look_for(tag, p)

        def activate(entries: Sequence[tuple[Tag, Entry | None]]) -> Any:
            self._adapter.begin([(tag.name, entry) for tag, entry in entries])
            try:
                return original(p, host_part(data), *args, **kwargs)
            finally:
                self._adapter.end()

        entries = [(tag, self._entry(tag, p, told)) for tag in tags]
        result = activate(entries)
        late = [(tag, entry or self._entry(tag, p, told)) for tag, entry in entries]
        if late != entries:  # the host has found a file that it did not list before: another thread filled its lists
            entries, result = late, activate(late)
        told += self._adapter.notices
        told += keyframe_notices(tags, not_loaded() not in told)
        self._policy.record(p, entries)
        if told:
            self._policy.report(p, list(dict.fromkeys(told)))
        return result

    def _entry(self, tag: Tag, p: Any, told: list[Notice]) -> Entry | None:
        try:
            if tag.error is not None:
                raise tag.error
            entry = None if tag.directive is None else self._policy.resolve(tag, p)
        except LbwError as error:
            if self._policy.on_bad(p, error) == "stop":
                raise
            told.append(Notice.of(error.template, **error.fields))
            told.append(Notice.of("{tag}: its weights are ignored; the LoRA acts as a plain tag.", tag=tag.text))
            return None
        if entry is not None:
            told += entry.weights.notices
        return entry


def _reference(p: Any) -> Callable[[], Any]:
    """Return a way to `p` that does not keep it alive."""
    try:
        return weakref.ref(p)
    except TypeError:  # not the host's own class, but something an extension made up
        return lambda: None

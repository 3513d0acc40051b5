"""The gate to the WebUI's own LoRA code: opened once, closed again, and kept shut beside another of our kind."""

import logging
from collections.abc import Sequence
from typing import Any

from lib_lbw.errors import LbwError
from lib_lbw.hosts.webui.connect import connect
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.gate import Gate, OnBad, Policy
from lib_lbw.hosts.webui.tags import Tag
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.ui.i18n import translator
from lib_lbw.webui import host
from lib_lbw.webui.dropping import Dropping
from lib_lbw.webui.nesting import Nesting
from lib_lbw.webui.overlay import Overlay, books, has_overlay, overlay_of
from lib_lbw.webui.page_errors import pass_on_errors
from lib_lbw.webui.recording import Recorder, report
from lib_lbw.webui.resolver import Resolver, seed_of
from lib_lbw.webui.script_notes import ScriptNotes
from lib_lbw.webui.settings import on_bad
from lib_lbw.weights.notice import Notice

SWITCHED_OFF = (
    "block weights are switched off (accordion LoRA Block Weight): the LoRAs of this prompt act as plain tags"
)

_LOG = logging.getLogger("lora_block_weight")


class Gatekeeper:
    """Opens and closes the gate. `fault` says why it is shut although it should be open, None when all is well."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._gate: Gate | None = None
        self._patches = Patches()
        self._nesting = Nesting()
        self._dropping = Dropping()
        self._scripts = ScriptNotes()
        self._recorder = Recorder()
        self.fault: LbwError | None = None

    def open(self) -> None:
        """Connect to the WebUI, once. A WebUI that cannot be connected to is told of in `fault`."""
        if self._gate is not None:
            return
        try:
            gate = Gate(connect(), Policy(self._look_for, self._resolve, self._on_bad, self._report, self._record))
            gate.install()
        except LbwError as error:
            self.fault = error
            _LOG.warning("LoRA Block Weight: %s", error)
            return
        pass_on_errors(self._patches)
        self._nesting.watch(self._patches)
        self._scripts.watch(self._patches)
        self._gate, self.fault = gate, None

    def close(self) -> None:
        """Leave the WebUI as it was. May be called at any time."""
        self._patches.undo()
        if self._gate is not None:
            self._gate.uninstall()
        self._gate = None

    def on_cfg_denoiser(self, params: Any) -> None:
        """Pass on that the model is about to be called: schedules follow the steps."""
        if self._gate is not None:
            self._gate.on_cfg_denoiser(params)
        self._recorder.on_step()
        if dropped := self._dropping.on_step():
            self._report(self._nesting.drawn, [dropped])

    def _overlay(self, job: Any) -> Overlay:
        """Return what counts for a job: an inner one that another extension drew without our script brings nothing."""
        return overlay_of(job if has_overlay(job) else self._nesting.outermost(job))

    def _look_for(self, tag: Tag, job: Any) -> None:
        if tag.directive is not None and self._overlay(job).active:
            self._resolver.look_for(tag.directive.name)

    def _resolve(self, tag: Tag, job: Any) -> Entry | None:
        overlay = self._overlay(job)
        if tag.directive is None or not overlay.active:
            return None
        return self._resolver.weigh(tag.directive, books(self._resolver.desk.store, overlay), seed_of(job))

    def _record(self, job: Any, tags: Sequence[tuple[Tag, Entry | None]]) -> None:
        self._recorder.record(job, tags)
        if self._nesting.drawn is not None:  # a checkpoint that is loaded between pictures drops nothing
            self._dropping.activated(job, bool(tags))
        if not self._overlay(job).active and any(tag.directive or tag.error for tag, _ in tags):
            self._report(job, [Notice.of(SWITCHED_OFF)])

    def _report(self, job: Any, notices: Sequence[Notice]) -> None:
        report(self._nesting.outermost(job), notices, translator(host.language()))
        self._scripts.note(notices)

    def _on_bad(self, job: Any, error: LbwError) -> OnBad:
        """Say what becomes of a bad directive: where no weights act, one that cannot be read stops nothing."""
        found = on_bad() if self._overlay(job).active else "ignore"
        if found == "stop":
            self._nesting.ended_by(error)
            self._scripts.note([Notice.of(error.template, **error.fields)])
        return found

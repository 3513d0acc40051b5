"""One load of the extension: made by the script file, ended by the WebUI before the next one."""

import logging
from pathlib import Path
from typing import Any

from lib_lbw.analysis.bench import Bench
from lib_lbw.errors import LbwError
from lib_lbw.hosts.infotext import KEY
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.i18n import translator
from lib_lbw.ui.messages import error_message, plain_message
from lib_lbw.webui import analysis, host
from lib_lbw.webui.analysis_form import analysis_form
from lib_lbw.webui.axes import add_axes
from lib_lbw.webui.benches import bench_for
from lib_lbw.webui.cards import extend_cards
from lib_lbw.webui.controls import ids_of
from lib_lbw.webui.engine import webui_engine
from lib_lbw.webui.gatekeeper import Gatekeeper
from lib_lbw.webui.overlay import Overlay, attach, books
from lib_lbw.webui.panel import panel, read_panel
from lib_lbw.webui.paste import restored
from lib_lbw.webui.recording import HIRES_KEY, report
from lib_lbw.webui.reference import preset_folders, take_over
from lib_lbw.webui.resolver import Resolver
from lib_lbw.webui.rivals import STAND_DOWN, rivals
from lib_lbw.webui.routes import add_routes, users_of
from lib_lbw.webui.settings import add_settings
from lib_lbw.webui.tab import ui_tabs
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.notice import Notice

_LOG = logging.getLogger("lora_block_weight")


class Extension:
    """Everything the script file hands to the WebUI. `folder` is the extension's own.

    What begins with `on_` are callbacks of the WebUI.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resolver = Resolver(Desk(PresetStore(host.data_folder()), host.lora_files))
        self._keeper = Gatekeeper(self.resolver)
        self._rivals: tuple[Path, ...] = ()
        self._cards = Patches()

    @property
    def stands_down(self) -> bool:
        """True while another LoRA Block Weight does the weighing."""
        return bool(self._rivals)

    @property
    def warning(self) -> str:
        """What is wrong with this installation, as HTML; "" when all is well."""
        translate = translator(host.language())
        if self.stands_down:
            return plain_message(translate, STAND_DOWN, folder=self._rivals[0])
        return error_message(self._keeper.fault, translate) if self._keeper.fault else ""

    def start(self) -> None:
        """Connect to the WebUI, and take over presets of the extension that came before, once."""
        self._look_for_rivals()
        try:
            names = take_over(self.resolver.desk.store, preset_folders(host.extension_folders(), self.folder))
        except LbwError as error:
            _LOG.warning("LoRA Block Weight: %s", error)
            return
        if names:
            _LOG.warning("LoRA Block Weight: took over the presets %s", ", ".join(names))

    def panel(self, tab: str) -> list[Any]:
        """Build the accordion of a tab and return its controls."""
        return panel(tab, self.resolver, self.warning)

    def analysis_form(self, tab: str) -> list[Any]:
        """Build the controls of the selectable script and return them."""
        return analysis_form(ids_of(f"{tab}-analysis"))

    def begin(self, job: Any, arguments: tuple[Any, ...]) -> None:
        """Note for a job what its controls say; called before its prompts are read."""
        presets, active, elements = read_panel(arguments)
        attach(job, Overlay(active, presets, elements))
        if self.stands_down and active:
            report(job, [Notice.of(STAND_DOWN, folder=self._rivals[0].name)], translator(host.language()))

    def analyse(self, job: Any, arguments: tuple[Any, ...]) -> Any:
        """Run the selectable script. Raises LbwError, which the WebUI shows."""
        folder = host.data_folder() / "analysis"
        return analysis.run(job, arguments, self.resolver, webui_engine(), folder)

    def on_before_ui(self) -> None:
        """All scripts are loaded now: look for another one of our kind, extend the cards and the plot."""
        self._look_for_rivals()
        extend_cards(self._cards)
        plot = host.plot_module()
        if plot is not None and not self.stands_down:
            add_axes(plot, self._bench, self.resolver.desk.store.presets)

    def on_ui_tabs(self) -> list[Any]:
        """Add the tab."""
        return ui_tabs(self.resolver.desk, host.data_folder() / "analysis")

    def on_ui_settings(self) -> None:
        """Add the settings."""
        add_settings()

    def on_app_started(self, demo: Any, app: Any) -> None:
        """Add the routes where the WebUI has an API; `demo` is None without a page."""
        if host.command_line("api") or host.command_line("nowebui"):
            add_routes(app, self.resolver, users_of(host.command_line("api_auth")))

    def on_infotext_pasted(self, infotext: str, parameters: dict[str, Any]) -> None:
        """Let the tags of a pasted picture mean what they meant where it was drawn."""
        seed = str(parameters.get("Seed", ""))

        def numbers(directive: Directive) -> Directive | None:
            known = books(self.resolver.desk.store, Overlay())
            entry = self.resolver.weigh(directive, known, int(seed) if seed.isdecimal() else 0)
            return None if entry is None else entry.weights.resolved()

        record = str(parameters.get(KEY, ""))
        for field, text in (("Prompt", record), ("Hires prompt", str(parameters.get(HIRES_KEY, record)))):
            prompt = parameters.get(field)
            if isinstance(prompt, str) and text:
                parameters[field] = restored(prompt, text, numbers)

    def on_cfg_denoiser(self, params: Any) -> None:
        """Pass on a call of the denoising model."""
        self._keeper.on_cfg_denoiser(params)

    def on_script_unloaded(self) -> None:
        """Leave nothing behind."""
        self._cards.undo()
        self._keeper.close()

    def _look_for_rivals(self) -> None:
        self._rivals = rivals(host.script_files(), self.folder)
        if self.stands_down:
            self._keeper.close()
        else:
            self._keeper.open()

    def _bench(self, lora: str, job: Any) -> Bench:
        self.resolver.look_for(lora)
        return bench_for(self.resolver.desk, lora, self.resolver.books(job))

"""LoRA Block Weight in a WebUI: the place where the WebUI finds it. What it does stands in `lib_lbw.webui`."""

import sys
from pathlib import Path
from typing import Any

from modules import script_callbacks, scripts

# "Reload UI" runs this file again, perhaps of a newer version: then nothing of the old one may be left.
for name in [name for name in sys.modules if name.partition(".")[0] == "lib_lbw"]:
    del sys.modules[name]

from lib_lbw.webui.extension import Extension  # noqa: E402

extension = Extension(Path(scripts.basedir()))
extension.start()


class LoraBlockWeight(scripts.Script):
    """The accordion. It stands before the other class: programs find it by the title, which both have."""

    def title(self) -> str:
        """Name it as programs know it."""
        return "LoRA Block Weight"

    def show(self, is_img2img: bool) -> Any:
        """Stand on both tabs."""
        return scripts.AlwaysVisible

    def ui(self, is_img2img: bool) -> list[Any]:
        """Build the controls."""
        return extension.panel("img2img" if is_img2img else "txt2img")

    def process(self, p: Any, *args: Any) -> None:
        """Hand over what the controls say."""
        extension.begin(p, args)


class BlockAnalysis(scripts.Script):
    """Effective Block Analyzer and X/Y/Z plot, in the list of scripts."""

    def title(self) -> str:
        """Name it as programs know it."""
        return "LoRA Block Weight"

    def show(self, is_img2img: bool) -> bool:
        """Stand in both lists."""
        return not extension.stands_down

    def ui(self, is_img2img: bool) -> list[Any]:
        """Build the controls."""
        return extension.analysis_form("img2img" if is_img2img else "txt2img")

    def run(self, p: Any, *args: Any) -> Any:
        """Draw the analysis."""
        return extension.analyse(p, args)


script_callbacks.on_before_ui(extension.on_before_ui)
script_callbacks.on_ui_settings(extension.on_ui_settings)
script_callbacks.on_ui_tabs(extension.on_ui_tabs)
script_callbacks.on_app_started(extension.on_app_started)
script_callbacks.on_infotext_pasted(extension.on_infotext_pasted)
script_callbacks.on_cfg_denoiser(extension.on_cfg_denoiser)
script_callbacks.on_script_unloaded(extension.on_script_unloaded)

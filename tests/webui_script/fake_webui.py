"""A WebUI of a few lines: the names that the extension uses, a processing loop in the host's order, flat pictures."""

import functools
import re
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lib_lbw.blocks.locate import block_of
from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.module import LoraModule

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "lora_block_weight.py"
CALLBACKS = ("before_ui", "ui_settings", "ui_tabs", "app_started", "infotext_pasted", "cfg_denoiser", "script_unloaded")

lora_file = functools.lru_cache(LoraFile)


class Script:
    """The base class of scripts."""


class ScriptRunner:
    """Runs the script that is chosen; here the first argument is the script itself, None for none."""

    def run(self, p: Any, *args: Any) -> Any:
        return None if args[0] is None else args[0](p, *args[1:])


class Options(SimpleNamespace):
    """Settings with the WebUI's way to add some."""

    def add_option(self, key: str, setting: Any) -> None:
        self.sections[key] = setting
        setattr(self, key, setting.default)


class OptionInfo:
    def __init__(self, default: Any, label: str, component: Any = None, component_args: Any = None, section: Any = ()):
        self.default, self.label, self.section, self.explained = default, label, section, ""

    def info(self, text: str) -> "OptionInfo":
        self.explained = text
        return self


class AxisOption:
    def __init__(
        self, label: str, type: Any, apply: Any, confirm: Any = None, choices: Any = None, prepare: Any = None
    ):
        self.label, self.apply, self.confirm, self.choices, self.prepare = label, apply, confirm, choices, prepare


class ExtraNetworkParams:
    def __init__(self, items: list[str]) -> None:
        self.items = items


class Module:
    """A module of a LoRA in the host: what its delta is multiplied with."""

    def __init__(self, network: Any, found: LoraModule) -> None:
        self.network, self.network_key, self.sd_key = network, found.spelled, found.spelled
        self.sd_module = SimpleNamespace(network_layer_name=found.spelled)

    def multiplier(self) -> float:
        return float(self.network.te if "lora_te" in self.network_key else self.network.unet)


class Job:
    """A processing object; what matters here of the real one."""

    def __init__(self, prompt: str, seed: int = 1, **more: Any) -> None:
        self.prompt, self.seed, self.negative_prompt, self.styles = prompt, seed, "", []
        self.steps, self.cfg_scale, self.sampler_name, self.width, self.height = 2, 7.0, "Euler", 16, 16
        self.extra_generation_params: dict[str, Any] = {}
        self.override_settings: dict[str, Any] = {}
        self.comments: dict[str, int] = {}
        self.batch_size, self.n_iter, self.do_not_save_grid, self.outpath_grids = 1, 1, False, "grids"
        self.sd_model_hash, self.script_args = "abc", ()
        self.__dict__.update(more)

    def comment(self, text: str) -> None:
        self.comments[text] = 1

    def cached_params(self, required: Any, steps: Any, data: Any) -> tuple[Any, ...]:
        return (required, steps, str(data))


class Processed:
    def __init__(
        self,
        p: Any,
        images: list[Any],
        seed: int = -1,
        info: str = "",
        index_of_first_image: int = 0,
        infotexts: Any = None,
    ) -> None:
        self.images, self.seed, self.info, self.index_of_first_image = images, seed, info, index_of_first_image
        self.infotexts = infotexts or [info] * len(images)
        self.comments = "".join(f"{comment}\n" for comment in p.comments)


class FakeWebui:
    """Puts the modules in place for one test. `data` is the data folder; `loras` maps names to files."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = data
        self.loras = {name: demo_lora_path(name) for name in demo_lora_names()}
        self.callbacks: dict[str, list[Any]] = {name: [] for name in CALLBACKS}
        self.always: list[Any] = []
        self.saved: list[Any] = []
        self.drawn: list[str] = []
        self.after_picture: Callable[[], None] = lambda: None
        self.state = SimpleNamespace(interrupted=False, skipped=False, job="", job_count=-1)
        self.opts = Options(
            sections={}, data={"lbw_on_bad_directive": "ignore"}, grid_save=True, grid_format="png", localization="None"
        )
        self.cmd_opts = SimpleNamespace(api=True, nowebui=False, api_auth=None)
        self.plot = SimpleNamespace(AxisOption=AxisOption, axis_options=[])
        self.data_of_scripts = [SimpleNamespace(path=str(data / "scripts" / "xyz_grid.py"), module=self.plot)]
        (data / "extensions").mkdir(parents=True)
        for name, values in self._modules().items():
            module = ModuleType(name)
            module.__dict__.update(values)
            monkeypatch.setitem(sys.modules, name, module)
        for name, module in list(sys.modules.items()):
            if name.startswith("modules."):
                setattr(sys.modules["modules"], name.removeprefix("modules."), module)
        self.networks = sys.modules["networks"]
        self.extra_networks = sys.modules["modules.extra_networks"]

    def _modules(self) -> dict[str, dict[str, Any]]:
        on_disk = self._listed()
        listed = {f"on_{name}": functools.partial(self.callbacks[name].append) for name in CALLBACKS}
        total = SimpleNamespace(updateTotal=lambda steps: None)
        return {
            "modules": {},
            "modules.paths_internal": {"data_path": str(self.data), "extensions_dir": str(self.data / "extensions")},
            "modules.shared": {
                "opts": self.opts, "cmd_opts": self.cmd_opts, "state": self.state, "total_tqdm": total,
                "OptionInfo": OptionInfo,
            },
            "modules.scripts": {
                "Script": Script, "AlwaysVisible": object(), "scripts_data": self.data_of_scripts,
                "basedir": lambda: str(ROOT), "ScriptRunner": type("ScriptRunner", (ScriptRunner,), {}),
            },
            "modules.script_callbacks": listed,
            "modules.extra_networks": {
                "activate": self._activate, "ExtraNetworkParams": ExtraNetworkParams,
                "extra_network_registry": {"lora": None}, "extra_network_aliases": {"lyco": None},
            },
            "modules.processing": {
                "StableDiffusionProcessing": type("StableDiffusionProcessing", (Job,), {}),
                "process_images": self.process, "process_images_inner": self._draw, "Processed": Processed,
                "fix_seed": lambda p: setattr(p, "seed", 77 if p.seed == -1 else p.seed),
            },
            "modules.images": {"save_image": lambda image, *args, **kwargs: self.saved.append((image, args, kwargs))},
            "networks": {
                "available_networks": on_disk, "available_network_aliases": dict(on_disk), "loaded_networks": [],
                "forbidden_network_aliases": {}, "networks_in_memory": {}, "load_networks": self._load,
                "network_apply_weights": lambda layer: None, "list_available_networks": self._list,
            },
        }  # fmt: skip

    def load_script(self) -> Any:
        """Execute the script file as the WebUI does, and return its namespace."""
        module = ModuleType("lora_block_weight.py")
        module.__file__ = str(SCRIPT)
        exec(compile(SCRIPT.read_text("utf-8"), str(SCRIPT), "exec"), module.__dict__)
        self.data_of_scripts.append(SimpleNamespace(path=str(SCRIPT), module=module))
        self.always = [module.LoraBlockWeight()]
        for callback in self.callbacks["before_ui"]:
            callback()
        for callback in self.callbacks["ui_settings"]:
            callback()
        return module

    def unload_scripts(self) -> None:
        """What Reload UI does first."""
        for callback in reversed(self.callbacks["script_unloaded"]):
            callback()
        for listed in self.callbacks.values():
            listed.clear()
        del self.data_of_scripts[1:]

    def process(self, p: Any) -> Processed:
        """Draw one picture."""
        made: Processed = sys.modules["modules.processing"].process_images_inner(p)
        return made

    def _draw(self, p: Any) -> Processed:
        """Draw one picture: scripts, tags, a brightness that every block changes in its own way, a hue of the seed."""
        p.all_seeds = p.seeds = [p.seed]
        for script in self.always:
            script.process(p, *p.script_args)
        data: dict[str, list[Any]] = {}
        for kind, inside in re.findall(r"<(\w+):([^>]+)>", p.prompt):
            data.setdefault(kind, []).append(ExtraNetworkParams(inside.split(":")))
        sys.modules["modules.extra_networks"].activate(p, data)
        self.drawn.append(p.prompt)
        settings = ", ".join(f"{key}: {value}" for key, value in p.extra_generation_params.items())
        made = Processed(p, [self._picture(p)], p.seed, f"{p.prompt}\nSteps: 2, Seed: {p.seed}, {settings}")
        self.after_picture()
        return made

    def _picture(self, p: Any) -> Image.Image:
        level = 20.0
        for network in self.networks.loaded_networks:
            for key, module in network.modules.items():
                family = lora_file(network.path).family
                place = next(found.id for found in lora_file(network.path).modules if found.spelled == key)
                level += module.multiplier() * (1 + family.blocks.index(block_of(place, family))) / 20
        gray = max(0, min(255, round(level)))
        return Image.new("RGB", (p.width, p.height), (gray, 255 - gray, int(p.seed) % 251))

    def _listed(self) -> dict[str, Any]:
        return {name: SimpleNamespace(filename=str(path)) for name, path in self.loras.items() if path.is_file()}

    def _list(self) -> None:
        """Look into the folders, as the host does only when it is asked to, or loads a name that it does not know."""
        for table in (self.networks.available_networks, self.networks.available_network_aliases):
            table.clear()
            table.update(self._listed())

    def _activate(self, p: Any, data: dict[str, list[Any]]) -> None:
        tags = [tag.items for kind in ("lora", "lyco") for tag in data.get(kind, [])]
        te = [float(items[1]) if len(items) > 1 else 1.0 for items in tags]
        unet = [float(items[2]) if len(items) > 2 else one for items, one in zip(tags, te, strict=True)]
        self.networks.load_networks([items[0] for items in tags], te, unet, [None] * len(tags))

    def _load(self, names: list[str], te: list[float], unet: list[float], dyn: list[None]) -> None:
        self.networks.loaded_networks.clear()
        if any(name not in self.networks.available_networks for name in names):
            self._list()
        for name, one, two in zip(names, te, unet, strict=True):
            if name not in self.networks.available_networks:
                continue
            network = SimpleNamespace(
                name=name, mentioned_name=name, te=one, unet=two, path=self.loras[name], mtime=1.0
            )
            network.network_on_disk = SimpleNamespace(filename=str(self.loras[name]))
            network.modules = {found.spelled: Module(network, found) for found in lora_file(self.loras[name]).modules}
            self.networks.loaded_networks.append(network)


def copied(job: Job) -> Job:
    """Return what the WebUI's plots draw a cell with."""
    return copy(job)

"""A host that runs: its LoRA extension, stand-in or real, on the small model, with what it imports from the WebUI."""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lib_lbw.blocks.family import family
from lib_lbw.errors import LbwError
from lib_lbw.hosts.a1111.adapter import A1111Adapter
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.gate import Gate, OnBad, Policy
from lib_lbw.hosts.webui.tags import Tag
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.resolve import resolve
from tests.hosts_a1111.model import Model, use
from tests.hosts_a1111.webui_modules import webui_modules

STAND_IN = Path(__file__).with_name("stand_in")
_OF_THE_EXTENSION = (
    "extra_networks_lora",
    "lora_logger",
    "lora_patches",
    "lyco_helpers",
    "network",
    *(f"network_{kind}" for kind in ("full", "glora", "hada", "ia3", "lokr", "lora", "norm", "oft")),
    "networks",
    "modules.extra_networks",
    "modules.patches",
)


class Program:
    """The host, and what it did: the layers it merged and the files it read since `forget`."""

    def __init__(self, modules: dict[str, Any], folder: Path, is_real: bool) -> None:
        self.networks = modules["networks"]
        self.extra_networks = modules["modules.extra_networks"]
        self.processing = modules["modules.processing"]
        self.shared = modules["modules.shared"]
        self.errors: list[BaseException] = modules["modules.errors"].shown
        self.folder = folder
        self.is_real = is_real
        self.merged: list[str] = []
        self.read: list[str] = []
        self.looked: list[str] = []
        self.told: list[Notice] = []
        self.recorded: list[list[tuple[Tag, Entry | None]]] = []
        self.on_bad: OnBad = "stop"
        self.seed = 0
        self.adapter = A1111Adapter()
        self.gate = Gate(self.adapter, Policy(self._look_for, self._resolve, self._bad, self._report, self._record))
        self._log("network_restore_weights_from_backup", self._note)
        self._log("load_network", lambda name, _: self.read.append(name))

    @property
    def model(self) -> Model:
        """The checkpoint in use."""
        return self.shared.sd_model

    def load_checkpoint(self, family: str) -> None:
        """Use another model object, as after a change of the checkpoint's kind."""
        self.shared.sd_model = Model(family)
        self.networks.assign_network_names_to_compvis_modules(self.shared.sd_model)

    def processed(self) -> Any:
        """Return a new processing object."""
        return self.processing.StableDiffusionProcessing()

    def activate(self, prompt: str, p: Any = None) -> Any:
        """Activate the tags of a prompt as the host does before each batch; return the processing object."""
        p = p or self.processed()
        p.extra_network_data = self.extra_networks.parse_prompt(prompt)[1]
        self.extra_networks.activate(p, p.extra_network_data)
        return p

    def weights(self) -> dict[str, torch.Tensor]:
        """Use every layer once and return what its weights are then: "NAME.weight" and so on."""
        self.outputs()
        return {
            f"{name}.{part}": parameter.detach().clone()
            for name, layer in self.model.layers().items()
            for part, parameter in layer.named_parameters()
        }

    def outputs(self) -> dict[str, torch.Tensor]:
        """Use every layer once and return what it gives."""
        with torch.no_grad():
            return {name: use(layer) for name, layer in self.model.layers().items()}

    def paint(self, prompt: str) -> dict[str, torch.Tensor]:
        """Activate a prompt and return the weights it is drawn with."""
        self.activate(prompt)
        return self.weights()

    def forget(self) -> None:
        """Empty the logs."""
        self.merged.clear()
        self.read.clear()
        self.looked.clear()
        self.told.clear()
        self.recorded.clear()

    def _note(self, layer: Any) -> None:
        if hasattr(layer, "network_layer_name"):  # LoRAs have layers too
            self.merged.append(layer.network_layer_name)

    def _log(self, name: str, note: Callable[..., None]) -> None:
        original = getattr(self.networks, name)

        def logged(*args: Any) -> Any:
            note(*args)
            return original(*args)

        setattr(self.networks, name, logged)

    def _look_for(self, tag: Tag, _p: Any) -> None:
        self.looked.append(tag.name)

    def _resolve(self, tag: Tag, _p: Any) -> Entry | None:
        assert tag.directive is not None
        if not any(self.folder.rglob(f"{tag.name}.safetensors")):
            return None
        kind = family(self.model.family)
        return Entry(tag.name, resolve(tag.directive, kind, seed=self.seed), kind)

    def _bad(self, p: Any, _error: LbwError) -> OnBad:
        found: OnBad = getattr(p, "on_bad", self.on_bad)
        return found

    def _report(self, _p: Any, notices: Sequence[Notice]) -> None:
        self.told += notices

    def _record(self, _p: Any, tags: Sequence[tuple[Tag, Entry | None]]) -> None:
        self.recorded.append(list(tags))


@contextmanager
def running(folder: Path, family: str, source: Path | None) -> Iterator[Program]:
    """Run the host whose checkout is `source`, or the stand-in, with LoRA files from `folder`."""
    made = webui_modules(folder, family)
    kept = {name: sys.modules.get(name) for name in (*made, *_OF_THE_EXTENSION)}
    sys.modules.update(made)
    lora = STAND_IN if source is None else source / "extensions-builtin" / "Lora"
    webui = STAND_IN if source is None else source / "modules"
    sys.path.insert(0, str(lora))
    try:
        for name in ("modules.extra_networks", "modules.patches"):
            path = webui / f"{name.rpartition('.')[2]}.py"
            if path.exists():
                made[name] = _execute(name, path)
        for name in ("networks", "extra_networks_lora", "lora_patches"):
            if (lora / f"{name}.py").exists():
                made[name] = importlib.import_module(name)
        yield from _started(made, folder, source is not None)
    finally:
        sys.path.remove(str(lora))
        for name, module in kept.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def _started(made: dict[str, Any], folder: Path, is_real: bool) -> Iterator[Program]:
    networks, extra_networks = made["networks"], made["modules.extra_networks"]
    if is_real:
        networks.originals = made["lora_patches"].LoraPatches()
    else:
        networks.wrap_layers()
    try:
        networks.extra_network_lora = made["extra_networks_lora"].ExtraNetworkLora()
        extra_networks.register_extra_network(networks.extra_network_lora)
        extra_networks.register_extra_network_alias(networks.extra_network_lora, "lyco")
        networks.list_available_networks()
        networks.assign_network_names_to_compvis_modules(made["modules.shared"].sd_model)
        program = Program(made, folder, is_real)
        yield program
        program.gate.uninstall()
    finally:
        networks.originals.undo() if is_real else networks.unwrap_layers()
        logging.getLogger("lora").handlers.clear()


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    spec.loader.exec_module(module)
    return module

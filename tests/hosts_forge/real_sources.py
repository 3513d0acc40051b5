"""Runs the adapter on the source files of one host, in a process of its own: `real_sources.py KIND FOLDER`.

Real are the host's `networks.py`, its reading of LoRA files into patches, its patchers, its arithmetic and its memory
management. Stand-ins are the WebUI around them and the model: a few layers under the names of SD1. Prints one line per
check; any failure ends it with an error.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from lib_lbw.hosts.forge.adapter import ForgeAdapter
from lib_lbw.hosts.forge.keys import place_of
from tests.hosts_forge.little_model import ENCODER, NORM, UNET, TextEncoder, Unet
from tests.hosts_forge.lora_files import ALGORITHMS, file_name, write
from tests.hosts_forge.loras import entry, same_bits
from tests.hosts_forge.stand_ins import Clip, Engine, Objects

FAILING = {"classic": {"dora", "glora"}}
"""What the host itself cannot apply: old Classic ignores the scale of DoRA, and knows one older layout of GLoRA."""
INCREMENTAL = ("forge", "reforge", "neo")
TOLERANCE = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Values lie around 1; the last places of each type."""
IN01 = {"diffusion_model.input_blocks.1.1.proj_in.weight", f"diffusion_model.{NORM}.weight"}
EXTENSION = {"forge": "sd_forge_lora", "neo": "sd_forge_lora", "reforge": "Lora", "classic": "Lora"}
MEMORY = {"forge": "backend.memory_management", "neo": "backend.memory_management"}
CPU = {"neo": "--cpu"}
PATCHER = {"forge": "backend.patcher.base", "neo": "backend.patcher.base"}


def module(name: str, **attributes: Any) -> types.ModuleType:
    """Put a stand-in for one module of the WebUI in place."""
    made = types.ModuleType(name)
    made.__dict__.update(attributes)
    sys.modules[name] = made
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, made)
    return made


def webui(kind: str, root: Path, loras: Path) -> Any:
    """The surroundings that `networks.py` asks for. Returns the holder of the model."""
    sys.argv = [sys.argv[0], CPU.get(kind, "--always-cpu")]
    bundled = [root / "packages_3rdparty", root / "modules_forge" / "packages"]
    sys.path[:0] = [str(root), str(root / "extensions-builtin" / EXTENSION[kind]), *map(str, bundled)]
    if kind in ("reforge", "classic"):
        importlib.import_module("ldm_patched.modules.args_parser").args.always_cpu = True
    modules = module("modules")
    modules.__path__ = [str(root / "modules")]  # type: ignore[attr-defined]
    opts = SimpleNamespace(lora_hashes=False, sd_lora="None")
    cmd = SimpleNamespace(lora_dir=str(loras), lora_dirs=[])

    def walk_files(path: str, allowed_extensions: Any = None) -> list[str]:
        return [str(found) for found in sorted(Path(path).glob("*.safetensors"))]

    module("modules.shared", opts=opts, cmd_opts=cmd, walk_files=walk_files)
    module("modules.errors", display=print, report=print)
    module("modules.scripts", scripts_txt2img=SimpleNamespace(infotext_fields=[]))
    holder = SimpleNamespace(sd=None)
    module("modules.sd_models", model_data=SimpleNamespace(get_sd_model=lambda: holder.sd))
    module("modules.devices", cpu=torch.device("cpu"))
    module("gradio")
    module("lora_patches", LoraPatches=object)

    class NetworkOnDisk:
        def __init__(self, name: str, filename: str) -> None:
            self.name, self.filename, self.alias = name, filename, name

        def read_hash(self) -> None:
            pass

    class Network:
        def __init__(self, name: str, network_on_disk: NetworkOnDisk) -> None:
            self.name, self.network_on_disk = name, network_on_disk

    module("network", Network=Network, NetworkOnDisk=NetworkOnDisk)
    return holder


class Running:
    """The host with a model in it."""

    def __init__(self, kind: str, root: Path, loras: Path) -> None:
        self.kind = kind
        self.incremental = kind in INCREMENTAL
        self.dtype = torch.float32
        self.holder = webui(kind, root, loras)
        self.networks = importlib.import_module("networks")
        self.memory = importlib.import_module(MEMORY.get(kind, "ldm_patched.modules.model_management"))
        self.patcher = importlib.import_module(PATCHER.get(kind, "ldm_patched.modules.model_patcher")).ModelPatcher
        self._key_maps()
        self.adapter = ForgeAdapter()

    def start(self, dtype: torch.dtype) -> None:
        """Load a new model, and install the adapter anew, as after Reload UI."""
        self.dtype = dtype
        self.holder.sd = self.engine(dtype)
        self.adapter = ForgeAdapter()
        self.adapter.install()

    def engine(self, dtype: torch.dtype) -> Engine:
        unet, encoder = Unet(dtype), TextEncoder(dtype)
        for model in (unet, encoder):
            del model.model_lowvram, model.model_loaded_weight_memory, model.current_weight_patches_uuid
        made = [self._patcher(model) for model in (unet, encoder)]
        return Engine(Objects(unet=made[0], clip=Clip(made[1], encoder)))

    def _patcher(self, model: torch.nn.Module) -> Any:
        cpu = torch.device("cpu")
        extra = {"current_device": cpu} if self.kind in ("forge", "neo") else {}
        return self.patcher(model, cpu, cpu, **extra)

    def _key_maps(self) -> None:
        """The layers of our little model under the names of a LoRA file."""
        unet = {file_name(path): f"diffusion_model.{path}.weight" for path in (*UNET, NORM)}
        encoder = {file_name(path): f"{path}.weight" for path in ENCODER}
        where = self.networks if self.kind in ("forge", "neo") else importlib.import_module("ldm_patched.modules.lora")

        def for_unet(model: Any, key_map: Any = None) -> Any:
            return {**(key_map or {}), **unet}

        def for_clip(model: Any, key_map: Any = None) -> Any:
            return {**(key_map or {}), **encoder}

        where.model_lora_keys_unet, where.model_lora_keys_clip = for_unet, for_clip

    def activate(self, *tags: tuple[str, float, str | None]) -> None:
        """Tags (name, strength, items)."""
        self.adapter.begin([(name, items and entry(name, items)) for name, _, items in tags])  # type: ignore[misc]
        names, strengths = [tag[0] for tag in tags], [tag[1] for tag in tags]
        self.networks.load_networks(names, strengths, strengths)
        self.adapter.end()

    def weights(self, *tags: tuple[str, float, str | None]) -> dict[str, torch.Tensor]:
        self.activate(*tags)
        objects = self.load()
        found = {**objects.unet.model.state_dict(), **objects.clip.cond_stage_model.state_dict()}
        return {key: weight.clone() for key, weight in found.items()}

    def load(self) -> Any:
        objects = self.holder.sd.forge_objects_after_applying_lora
        self.memory.load_models_gpu([objects.clip.patcher])
        self.memory.load_models_gpu([objects.unet])
        return objects

    def picture(self) -> torch.Tensor:
        unet = self.load().unet.model
        dtype: torch.dtype = unet.storage_dtype
        made: torch.Tensor = unet(torch.linspace(-1, 1, 12).reshape(3, 4).to(dtype)).clone()
        return made


def check(name: str, holds: bool) -> None:
    sys.stdout.write(f"CHECK {name} {'ok' if holds else 'FAILED'}\n")
    if not holds:
        raise SystemExit(1)


def check_weights(run: Running, base: dict[str, torch.Tensor], algorithm: str) -> None:
    plain = run.weights((algorithm, 0.8, None))
    changed = {key for key in base if not torch.equal(plain[key], base[key])}
    check(f"{algorithm}: the plain tag acts on {len(changed)} parameters", len(changed) == len(UNET) + len(ENCODER) + 1)
    every, none = run.weights((algorithm, 0.8, "lbw=ALL")), run.weights((algorithm, 0.8, "lbw=NONE"))
    check(f"{algorithm}: all blocks are the plain tag to the bit", same_bits(every, plain))
    check(f"{algorithm}: no block is no LoRA to the bit", same_bits(none, base))
    text = "lbw=0.25,IN01@1,MID@0,BASE@0.5,attn2@-0.5"
    found = run.weights((algorithm, 0.8, text))
    worst = 0.0
    for key in changed:
        ratio = entry(algorithm, text).ratio(place_of(key))
        wanted = base[key].double() + ratio * (plain[key].double() - base[key].double())
        worst = max(worst, float((found[key].double() - wanted).abs().max()))
    check(f"{algorithm}: base + ratio x change, within {worst:.1e}", worst < TOLERANCE[run.dtype])
    check(f"{algorithm}: without the tag all is as before", same_bits(run.weights(), base))


def check_changes(run: Running, base: dict[str, torch.Tensor]) -> None:
    def parameters() -> dict[str, int]:
        objects = run.load()
        both = {**dict(objects.unet.model.named_parameters()), **dict(objects.clip.cond_stage_model.named_parameters())}
        return {key: id(parameter) for key, parameter in both.items()}

    run.weights(("lora", 0.8, "lbw=1"), ("full", 0.5, None))
    before, kept = parameters(), list(run.load().unet.model.parameters())
    after_one = run.weights(("lora", 0.8, "lbw=1,IN01@0.5"), ("full", 0.5, None))
    touched = {key for key, number in parameters().items() if before[key] != number}
    check(
        f"one block changed: {len(touched)} of {len(kept)} parameters touched", touched == IN01 or not run.incremental
    )
    run.weights()
    anew = run.weights(("lora", 0.8, "lbw=1,IN01@0.5"), ("full", 0.5, None))
    check("layer by layer is what the host makes of it", same_bits(anew, after_one))
    twice = run.weights(("lora", 0.8, "lbw=0,IN01@1"), ("lora", 0.8, None), ("lora", 0.8, "lbw=0,MID@1"))
    once = run.weights(("lora", 0.8, None))
    for key, times in {"diffusion_model.middle_block.1.proj_in.weight": 2, **dict.fromkeys(IN01, 2)}.items():
        wanted = base[key].double() + times * (once[key].double() - base[key].double())
        check(f"one file three times: {key}", torch.allclose(twice[key].double(), wanted, atol=TOLERANCE[run.dtype]))
    found = run.weights(("gone", 1.0, "lbw=ALL"), ("lora", 0.8, None))
    check("a missing LoRA is told of, the other acts", same_bits(found, once) and len(run.adapter.notices) == 1)


def check_schedule(run: Running) -> None:
    run.activate()
    without = run.picture()
    run.activate(("lora", 0.8, None))
    plain = run.picture()
    run.activate(("lora", 0.8, "step=2-4"))
    for step in range(6):
        run.adapter.on_step(step, 6, None)
        wanted = plain if step in (2, 3) else without
        check(f"step {step} of step=2-4", torch.equal(run.picture(), wanted) and not torch.equal(plain, without))
    run.activate()
    check("no LoRA after a schedule", torch.equal(run.picture(), without))


def main() -> None:
    kind, root = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for algorithm in ALGORITHMS:
            write(Path(folder), algorithm)
        run = Running(kind, Path(root), Path(folder))
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            run.start(dtype)
            base = run.weights()
            for algorithm in ALGORITHMS:
                if algorithm not in FAILING.get(kind, ()):
                    check_weights(run, base, algorithm)
            check_changes(run, base)
            check_schedule(run)
            plain = run.weights(("lora", 0.8, None))
            run.weights(("lora", 0.8, "lbw=1,IN01@0.5"))
            run.adapter.uninstall()
            check("after uninstalling, the tag is plain", same_bits(run.weights(("lora", 0.8, None)), plain))
            check("after uninstalling, no LoRA is no LoRA", same_bits(run.weights(), base))


if __name__ == "__main__":
    main()

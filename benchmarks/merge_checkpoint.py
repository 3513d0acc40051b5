"""Time and memory of building LoRAs into a checkpoint and of extracting them again, at the full size of SD 1.5.

    python -m benchmarks.merge_checkpoint [--folder DIR] [--rank 32]

Writes a random checkpoint (2.2 GB, float16) and a LoRA of rank 16 for all its linear layers and convolutions, then
runs each work in a process of its own. `memory` is the peak of resident memory above what the process held before,
in units of the largest tensor of a layer in float32. `limit`: what reading the inputs and writing the result takes.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from lib_lbw.blocks.spell import spell
from lib_lbw.hosts.checkpoint import CONFIGS
from lib_lbw.lora.writer import TensorSpec, stream_safetensors, write_safetensors
from lib_lbw.merge.checkpoint.difference import is_embedding
from lib_lbw.merge.checkpoint.extract import run_extract
from lib_lbw.merge.checkpoint.extract_plan import Extraction, is_matrix, plan_extract
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.recipe import Ranks, Recipe, Source

SEED = 0
LORA_RANK = 16
SIZE = 0.02
CHANGE = 0.003
CHUNK = 1 << 24


def shapes() -> dict[str, tuple[int, ...]]:
    """The tensors of SD 1.5 under the names of diffusers."""

    folder = CONFIGS / "sd1"
    with torch.device("meta"):
        models = {
            "unet.": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet")),
            "vae.": AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae")),
            "text_encoder.": CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")),
        }
    found: dict[str, tuple[int, ...]] = {}
    for prefix, model in models.items():
        for name, tensor in model.state_dict().items():
            inside = prefix == "text_encoder." and not name.startswith("text_model.")
            found[prefix + ("text_model." if inside else "") + name] = tuple(tensor.shape)
    return found


def write_checkpoint(path: Path) -> None:
    """A random checkpoint, one tensor in memory at a time."""
    source = torch.Generator().manual_seed(SEED)
    layout = [TensorSpec(name, "F16", shape) for name, shape in shapes().items()]
    stream_safetensors(path, layout, lambda s: (torch.randn(s.shape, generator=source) * SIZE).half(), {})


def write_lora(base: Path, path: Path) -> None:
    """A random LoRA whose delta is a tenth of the weights, for every matrix but the tables of words."""
    source = torch.Generator().manual_seed(SEED + 1)

    def tensors() -> Iterator[tuple[str, torch.Tensor]]:
        for slot in Checkpoint(base).slots.values():
            if not is_matrix(slot) or is_embedding(slot):
                continue
            out, inner, *kernel = slot.shape
            stem, each = spell(slot.module, "kohya"), math.sqrt(CHANGE / math.sqrt(LORA_RANK))
            up = torch.randn(out, LORA_RANK, *[1] * len(kernel), generator=source) * each
            down = torch.randn(LORA_RANK, inner, *kernel, generator=source) * each
            yield f"{stem}.lora_up.weight", up.half()
            yield f"{stem}.lora_down.weight", down.half()
            yield f"{stem}.alpha", torch.tensor(float(LORA_RANK))

    write_safetensors(path, tensors(), {"ss_base_model_version": "sd_v1"})


def into(folder: Path, _rank: int) -> Callable[[], dict[str, object]]:
    """Build the LoRA into the checkpoint."""
    sources = (Source(folder / "lora.safetensors"),)
    recipe = Recipe("into-checkpoint", sources, folder / "tuned.safetensors", base=folder / "base.safetensors")

    def work() -> dict[str, object]:
        result = run_into(plan_into(recipe, replace="file"))
        return {"changed": result.changed, **{p: f"error {s.error:.1%}" for p, s in result.survival.items()}}

    return work


def extract(folder: Path, rank: int) -> Callable[[], dict[str, object]]:
    """Take the LoRA out of the checkpoint that `into` made."""
    sources = (Source(folder / "tuned.safetensors"), Source(folder / "base.safetensors"))
    recipe = Recipe("extract", sources, folder / "extracted.safetensors", ranks=Ranks(linear=rank))

    def work() -> dict[str, object]:
        result = run_extract(plan_extract(Extraction(recipe), replace="file"))
        return {"bytes": result.size, "error": f"{result.error:.2%}", "layers": sum(result.ranks.values())}

    return work


WORKS = {"into": into, "extract": extract}
FILES = {"into": ("base", "lora", "tuned"), "extract": ("tuned", "base", "extracted")}
"""What is read, and at last what is written."""


def measured(name: str, folder: Path, rank: int) -> dict[str, object]:
    """Run one work in this process and measure it."""
    torch.set_num_threads(1)
    work = WORKS[name](folder, rank)
    torch.linalg.eigh(torch.eye(64) @ torch.eye(64))  # the libraries set up their own memory
    slots = Checkpoint(folder / "base.safetensors").slots.values()
    largest = 4 * max(math.prod(slot.shape) for slot in slots if not is_embedding(slot))
    before, start, cpu = resident(), time.monotonic(), time.process_time()
    told = work()
    seconds, cpu_seconds = time.monotonic() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return {
        "work": name,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        **limit(*(folder / f"{file}.safetensors" for file in FILES[name])),
        "peak_MB": round(peak / 1e6),
        "largest_tensor_MB": round(largest / 1e6),
        "memory": round(peak / largest, 2),
        **told,
    }


def limit(*files: Path) -> dict[str, float]:
    """Return what it takes to read all `files` but the last and to write as much as that has."""
    start, cpu = time.monotonic(), time.process_time()
    for path in files[:-1]:
        with path.open("rb") as stream:
            while stream.read(CHUNK):
                pass
    left, copy = files[-1].stat().st_size, files[-1].with_suffix(".copy")
    with copy.open("wb") as stream:
        while left > 0:
            left -= stream.write(bytes(min(CHUNK, left)))
    copy.unlink()
    return {
        "limit_seconds": round(time.monotonic() - start, 1),
        "limit_cpu_seconds": round(time.process_time() - cpu, 1),
    }


def resident() -> int:
    """Bytes of resident memory now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where 7 GB may lie (default: a temporary folder)")
    parser.add_argument("--rank", type=int, default=32, help="of the LoRA that is extracted (default: 32)")
    parser.add_argument("--work", choices=WORKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        print(json.dumps(measured(arguments.work, arguments.folder, arguments.rank)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        write_checkpoint(folder / "base.safetensors")
        write_lora(folder / "base.safetensors", folder / "lora.safetensors")
        for name in WORKS:
            words = ["--work", name, "--folder", str(folder), "--rank", str(arguments.rank)]
            subprocess.run([sys.executable, "-m", "benchmarks.merge_checkpoint", *words], check=True)


if __name__ == "__main__":
    main()

"""Whole files: two SDXL LoRAs into one, resized, baked; time, processor time and memory from first byte to last.

    python benchmarks/merge_files.py                     # rank 32
    python benchmarks/merge_files.py --rank 128 --only cut

Each way runs in a process of its own, which reads, works, writes, reads back and checks. *Copy* reads both files and
writes as many bytes as the result has: nothing that makes such a file can be faster; *synced* also waits for the disk,
as all ways but the copy do. The clock starts when torch and this program are imported, which is told below the table;
the memory counts from before that. What the usual way takes for the same file is told by merge_kernels.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WAYS = {
    "exact": "exact sum, rank {double}",
    "cut": "sum, cut to rank {rank}",
    "bake": "bake one with OUTALL",
    "resize": "resize one to rank {half}",
    "ratio": "resize one, sv_ratio 16",
    "copy": "copy: read both, write the result",
    "synced": "copy, and wait for the disk",
}


def layers() -> Iterator[tuple[str, int, int]]:
    """The 986 layers of SDXL that trainers train by default: kohya name, out, in."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    configs = Path(__file__).resolve().parents[1] / "lib_lbw" / "hosts" / "configs" / "sdxl"
    with torch.device("meta"):
        parts = {
            "lora_unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(str(configs / "unet"))),
            "lora_te1": CLIPTextModel(CLIPTextConfig.from_pretrained(str(configs / "text_encoder"))),
            "lora_te2": CLIPTextModel(CLIPTextConfig.from_pretrained(str(configs / "text_encoder_2"))),
        }
    for prefix, part in parts.items():
        for name, layer in part.named_modules():
            if isinstance(layer, torch.nn.Linear) and ("attentions." in name or prefix != "lora_unet"):
                path = name if prefix == "lora_unet" or name.startswith("text_model") else f"text_model.{name}"
                yield f"{prefix}_{path.replace('.', '_')}", layer.out_features, layer.in_features


def write(path: Path, rank: int, seed: int) -> None:
    """Write a LoRA of falling spectrum, float16."""
    import torch
    from safetensors.torch import save_file

    source = torch.Generator().manual_seed(seed)
    fall = torch.logspace(0, -2, rank)
    tensors = {}
    for name, out, into in layers():
        tensors[f"{name}.lora_up.weight"] = (torch.randn(out, rank, generator=source) * fall).half()
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, into, generator=source).half()
        tensors[f"{name}.alpha"] = torch.tensor(rank / 2)
    save_file(tensors, path, {"ss_base_model_version": "sdxl_base_v1-0"})


def carry_out(way: str, folder: Path, rank: int) -> dict[str, float]:
    """Do one of the ways in this process; returns seconds, processor seconds, megabytes and the error."""
    a, b, out = (folder / f"{name}.safetensors" for name in ("a", "b", f"out_{way}"))
    before = peak()
    imported = imports()
    begun, worked = time.perf_counter(), time.process_time()
    error = copy(a, b, out, way) if way in ("copy", "synced") else merge(way, a, b, out, rank)
    return {
        "imports": imported,
        "wall": time.perf_counter() - begun,
        "cpu": time.process_time() - worked,
        "peak": peak() - before,
        "size": out.stat().st_size / 1e6,
        "error": error,
    }


def imports() -> float:
    """Import what the ways need; returns its processor seconds."""
    worked = time.process_time()
    import lib_lbw.merge.run  # noqa: F401

    return time.process_time() - worked


def merge(way: str, a: Path, b: Path, out: Path, rank: int) -> float:
    from lib_lbw.merge.plan import plan_merge
    from lib_lbw.merge.recipe import Ranks, Recipe, Source
    from lib_lbw.merge.recipe_json import named_rule
    from lib_lbw.merge.run import run_merge

    pair = (Source(a, 0.7), Source(b, -0.4))
    recipes = {
        "exact": Recipe("merge", pair, out),
        "cut": Recipe("merge", pair, out, ranks=Ranks(rank)),
        "bake": Recipe("bake", (Source(a, weights="OUTALL"),), out),
        "resize": Recipe("resize", pair[:1], out, ranks=Ranks(max(1, rank // 2))),
        "ratio": Recipe("resize", pair[:1], out, ranks=Ranks(rule=named_rule("sv_ratio", 16))),
    }
    return run_merge(plan_merge(recipes[way])).error


def copy(a: Path, b: Path, out: Path, way: str) -> float:
    data = a.read_bytes() + b.read_bytes()
    with out.open("wb") as stream:
        stream.write(data)
        if way == "synced":
            os.fsync(stream.fileno())
    return 0.0


def peak() -> float:
    """The most memory this process has had, in megabytes: Linux' VmHWM, as ru_maxrss begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(carry_out(options.way, options.folder, options.rank)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, file in enumerate("ab"):
            write(folder / f"{file}.safetensors", options.rank, number)
        inputs = (folder / "a.safetensors").stat().st_size / 1e6
        print(f"SDXL, 986 modules, rank {options.rank}, float16, {inputs:.0f} MB each\n")
        print("| way | wall s | CPU s | peak MB above the start | file MB | relative error |")
        print("|---|---:|---:|---:|---:|---:|")
        for way in options.only:
            words = [sys.executable, __file__, "--way", way, "--folder", name, "--rank", str(options.rank)]
            told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            title = WAYS[way].format(rank=options.rank, double=2 * options.rank, half=max(1, options.rank // 2))
            print(f"| {title} | {told['wall']:.1f} | {told['cpu']:.1f} | {told['peak']:.0f} | {told['size']:.0f} "
                  f"| {told['error']:.1e} |", flush=True)  # fmt: skip
            (folder / f"out_{way}.safetensors").unlink()
        print(f"\nimports before the clock: {told['imports']:.1f} s of processor time")


if __name__ == "__main__":
    main()

"""Train the demo model and its LoRAs: ``python -m lib_lbw.demo.train --seed 0 --out DIR``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch

from lib_lbw.demo.base_training import BasePlan, train_base
from lib_lbw.demo.lora_training import PLANS, train_lora
from lib_lbw.demo.model import load_demo_pipeline
from lib_lbw.demo.objective import Emphasis
from lib_lbw.demo.sheet import write_sheets

STAGES = ("base", "loras", "sheet")


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen stages in order; each reads what the one before wrote to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and logs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=BasePlan.steps, help="steps of the base")
    parser.add_argument("--lora-steps", type=int, default=None, help="steps of each LoRA")
    parser.add_argument("--rate", type=float, default=BasePlan.rate)
    parser.add_argument("--batch", type=int, default=BasePlan.batch)
    parser.add_argument("--cap", type=float, default=Emphasis.cap, help="weight of clean levels")
    parser.add_argument("--power", type=float, default=Emphasis.power, help="below 1: noisier")
    parser.add_argument("--stop", type=int, default=None, help="end the base at this step")
    parser.add_argument("--resume", action="store_true", help="begin with the weights in --out")
    parser.add_argument("--renew-text", action="store_true", help="with an untrained text encoder")
    parser.add_argument("--loras", nargs="+", choices=sorted(PLANS), default=sorted(PLANS))
    parser.add_argument("--minutes", type=float, default=math.inf, help="limit for the base")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    if "base" in options.stages:
        log = options.out / ("loss_resumed.csv" if options.resume else "loss.csv")
        train_base(_base_plan(options), options.out, log)
    pipeline = load_demo_pipeline(folder=options.out)
    if "loras" in options.stages:
        for name in options.loras:
            train_lora(pipeline, name, options.out / "loras", options.seed, options.lora_steps)
    if "sheet" in options.stages:
        write_sheets(pipeline, options.out, options.out / "docs")
    return 0


def _base_plan(options: argparse.Namespace) -> BasePlan:
    return BasePlan(
        seed=options.seed,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        minutes=options.minutes,
        emphasis=Emphasis(options.cap, options.power),
        stop=options.stop,
        resume=options.resume,
        renew_text=options.renew_text,
    )


if __name__ == "__main__":
    raise SystemExit(main())

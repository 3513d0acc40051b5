"""What changing block weights costs in WebUIs that run, and what an extension costs where it is not asked for.

    python benchmarks/webui_switch.py --webui ours http://127.0.0.1:7860 [PID] --webui other http://127.0.0.1:7861 [PID]
        --lora-dir WEBUI/models/Lora [--rounds 9] [--only none long ...]

Several WebUIs, best the same one with other extensions, are measured in turns: every round draws each picture in all of
them. They need `--api`, the same SD 1.5 checkpoint (LBW_WEBUI_WIDTHS tells of a thinner one, as for `tests/webui`)
and the same LoRA folder; an extension has to read `<lora:NAME:1:1:lbw=17 numbers>`. A picture has one step at 64 px, or
20, and comes right after one that is the same but for what is measured; every number is a median. With a WebUI's PID
its processor time stands beside the wall time: other work on the machine disturbs it less. Ratios are of the first
WebUI's time over its plain tag, so name this extension's first. `--only` measures some pictures alone, and so in more
rounds: what 20 steps without a tag cost is told with the interval that holds the true median in 95 of 100 such runs.
Equal WebUIs differ too, from one start to the next: start them anew, in another order, before a difference is believed.
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import nn

from lib_lbw.hosts.a1111.layers import Layers
from lib_lbw.hosts.webui.wrapping import Patches
from tests.webui.client import WebUI
from tests.webui.sd15_layers import attention, attention_blocks, text_encoder

TEXT = "a house by the sea"
PLACES = 17
ROWS = {
    "none": "no tag, repeated",
    "long": "no tag, 20 steps",
    "plain": "plain tag, repeated",
    "same": "same weights, repeated",
    "one": "one block changed",
    "every": "every block changed",
}
LAYERS_USED = 391 + 97 + 69
"""Layers that A1111 asks for their LoRAs in a picture of one step: SD 1.5's U-Net, text encoder and image decoder."""

CLOCK_NOISE = 0.005
"""Seconds by which medians of the same picture differ here; a smaller difference counts as this in ratios."""

END = "end"
"""What is yielded in place of a way when a round is over."""

Seconds = tuple[float, float]
"""Wall time and processor time of one picture."""


def weights(values: list[float]) -> str:
    """Write 17 weights as both extensions read them."""
    return ",".join(f"{value:g}" for value in values)


def turns(lora: str, only: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (way, or "" for a picture that only prepares the next, prompt), round after round without end.

    A round holds the ways in `only` and the pictures that prepare them.
    """
    plain, number = f"{TEXT} <lora:{lora}:1>", 0
    while True:
        number += 1
        base = [1.0, *[round(0.3 + 0.01 * (number % 50), 2)] * (PLACES - 1)]
        changed = [*base[:-4], 0.0, *base[-3:]]
        others = [1.0, *[round(value / 2, 3) for value in changed[1:]]]
        tagged = [f"{TEXT} <lora:{lora}:1:1:lbw={weights(each)}>" for each in (base, changed, others)]
        groups = [
            [("", TEXT), ("none", TEXT), ("long", TEXT)],
            [("", plain), ("plain", plain)],
            [("", tagged[0]), ("same", tagged[0]), ("one", tagged[1]), ("every", tagged[2])],
        ]
        for group in groups:
            wanted = [place for place, (way, _) in enumerate(group) if way in only]
            yield from group[: max(wanted, default=-1) + 1]
        yield END, ""


@dataclass(frozen=True)
class Host:
    """A running WebUI, its clock, and way -> times of each counted round."""

    name: str
    webui: WebUI
    clock: Callable[[], Seconds]
    taken: dict[str, list[Seconds]]


def measure(hosts: Sequence[Host], lora: str, rounds: int, only: Collection[str]) -> None:
    """Fill what the hosts have taken; a first round is not counted. Who draws first changes from round to round."""
    number = 0
    for way, prompt in turns(lora, only):
        if way == END:
            number += 1
            if number > rounds:
                break
            continue
        for host in hosts if number % 2 else reversed(hosts):
            before = host.clock()
            host.webui.draw(prompt, steps=20 if way == "long" else 1, width=64, height=64)
            wall, processor = (after - start for after, start in zip(host.clock(), before, strict=True))
            if way in only:
                host.taken[way].append((wall, processor))
    for host in hosts:
        host.taken.update({each: times[1:] for each, times in host.taken.items()})


def clock_of(pid: int | None) -> Callable[[], Seconds]:
    """Return a clock of wall time and of the processor time of a process, 0 without one."""

    def clock() -> Seconds:
        if pid is None:
            return time.perf_counter(), 0.0
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return time.perf_counter(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return clock


def wrapper_nanoseconds(calls: int = 200_000) -> float:
    """Return what our wrapper adds to one call of the host's function for a layer whose weights stay as they are.

    It is there only while LoRAs are loaded.
    """
    host = SimpleNamespace(network_apply_weights=lambda layer: None)
    layer = nn.Linear(1, 1)
    layer.network_layer_name = "diffusion_model_input_blocks_1_1_proj_in"  # type: ignore[assignment]
    bare = _nanoseconds(host, layer, calls)
    patches = Patches()
    patches.wrap(host, "network_apply_weights", Layers().apply)
    wrapped = _nanoseconds(host, layer, calls)
    patches.undo()
    return wrapped - bare


def _nanoseconds(host: SimpleNamespace, layer: nn.Module, calls: int) -> float:
    turns_taken: list[float] = []
    for _ in range(7):
        start = time.perf_counter_ns()
        for _ in range(calls // 7):
            host.network_apply_weights(layer)
        turns_taken.append((time.perf_counter_ns() - start) / (calls // 7))
    return min(turns_taken)


def report(hosts: Sequence[Host]) -> str:
    """Return the table and what follows from it."""
    lines = ["| WebUI | picture | wall s | over the plain tag | processor s | over the plain tag |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for host in hosts:
        for way in (each for each in ROWS if host.taken[each]):
            cells = [f"{_median(host.taken[way], part):.3f} | {_over(host.taken, way, part)}" for part in (0, 1)]
            lines.append(f"| {host.name} | {ROWS[way]} | {' | '.join(cells)} |")
    first, *others = hosts
    lines.append("")
    for other in others:
        lines += [_against(first, other)] if first.taken["every"] else []
        lines += [_without_tag(first, other, part) for part in (0, 1)] if first.taken["long"] else []
    if first.taken["plain"]:
        cost = wrapper_nanoseconds()
        share = 100 * cost * LAYERS_USED / 1e9 / _median(first.taken["plain"], 0)
        lines.append(f"wrapper: {cost:.0f} ns a call, {LAYERS_USED} calls: {share:.3f} % of a picture with a plain tag")
    return "\n".join(lines)


def _against(first: Host, other: Host) -> str:
    ratios = [
        statistics.median(_beyond_plain(other.taken, way, 0))
        / max(statistics.median(_beyond_plain(first.taken, way, 0)), CLOCK_NOISE)
        for way in ("one", "every")
    ]
    return (
        f"{other.name} / {first.name}: one block {ratios[0]:.1f}, every block {ratios[1]:.1f} times the time over the "
        f"plain tag"
    )


def _without_tag(first: Host, other: Host, part: int) -> str:
    pairs = zip(first.taken["long"], other.taken["long"], strict=True)
    shares = sorted(100 * (ours[part] / max(theirs[part], CLOCK_NOISE) - 1) for ours, theirs in pairs)
    low, high = median_interval(len(shares))
    return (
        f"20 steps without a tag, {first.name} beside {other.name}, {('wall', 'processor')[part]} time: "
        f"{statistics.median(shares):+.2f} % ({shares[low]:+.2f} to {shares[high]:+.2f})"
    )


def median_interval(count: int) -> tuple[int, int]:
    """Return the places, in `count` sorted values, of the narrowest pair around the true median with 95 % certainty.

    Order statistics: the number of values below the median is binomial with p = 1/2. Few values give the whole range.
    """
    below, low = 0.0, 0
    for place in range(count // 2):
        below += math.comb(count, place) / 2**count
        if below > 0.025:
            break
        low = place
    return low, count - 1 - low


def _median(times: list[Seconds], part: int) -> float:
    return statistics.median(each[part] for each in times)


def _over(taken: dict[str, list[Seconds]], way: str, part: int) -> str:
    return f"{statistics.median(_beyond_plain(taken, way, part)):+.3f}" if taken["plain"] else ""


def _beyond_plain(taken: dict[str, list[Seconds]], way: str, part: int) -> list[float]:
    """Return, round for round, the seconds beyond those of a plain tag, which needs nothing done."""
    return [one[part] - plain[part] for one, plain in zip(taken[way], taken["plain"], strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webui", required=True, nargs="+", action="append", metavar=("NAME URL", "PID"))
    parser.add_argument("--lora-dir", required=True, type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    chosen = parser.parse_args()
    hosts = [_host(words, chosen.lora_dir) for words in chosen.webui]
    try:
        layers = {name: shape for block in attention_blocks() for name, shape in attention(block).items()}
        lora = hosts[0].webui.write("switch", {**text_encoder(), **layers}, rank=16)
        for host in hosts[1:]:
            host.webui.call("POST", "/sdapi/v1/refresh-loras")
        measure(hosts, lora, chosen.rounds, chosen.only)
    finally:
        hosts[0].webui.clear()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{os.cpu_count()} cores, load average {load}, {chosen.rounds} rounds", report(hosts), sep="\n\n")


def _host(words: Sequence[str], folder: Path) -> Host:
    name, url, *pid = words
    return Host(name, WebUI(url.rstrip("/"), folder), clock_of(int(pid[0]) if pid else None), {way: [] for way in ROWS})


if __name__ == "__main__":
    main()

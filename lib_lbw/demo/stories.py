"""Three stories of merging, each told twice: as the prompt draws it, and as the merged file does.

    python -m lib_lbw.demo.stories FOLDER

writes the merged files and `stories.png` into FOLDER: the picture from the prompt, the picture from the file, and
what differs between them, sixteen times as strong.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from lib_lbw.blocks.family import family
from lib_lbw.demo import demo_lora_path
from lib_lbw.demo.opening import open_embedded
from lib_lbw.demo.tiny_sdxl import TINY_SDXL_LORA, tiny_sdxl_lora_bytes, tiny_sdxl_pipeline
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.hosts.session import Session
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.merge.recipe_json import named_rule
from lib_lbw.merge.run import run_merge
from lib_lbw.weights.presets import PresetBook

SCENE = "a girl, long red hair, blue dress, beach, flat style"
ROOM = "a girl, long red hair, blue dress, neon karaoke room, flat style"
BOOK = PresetBook.shipped().merged(
    PresetBook.parse(
        "FACE:1,0,0,0,0,0,0,0,0,0.5,0.5,1,1,1,1,1,1,1,1,0.8,0.5,0.2,0,0,0,0\n"
        "BODY:1,1,1,1,1,1,1,1,1,1,1,1,1,0.5,0.2,0.2,0.2,0.2,0.2,0.4,0.8,1,1,1,1,1\n"
    )
)
"""Two presets over 26 blocks, each what the other leaves."""

ZOOM, GAP, STRONGER = 3, 6, 16


@dataclass(frozen=True)
class Pair:
    """One picture, from the prompt and from the file."""

    title: str
    prompt: Image.Image
    file: Image.Image


def slider(folder: Path) -> list[Pair]:
    """The copy method: big heads less small heads, exact, then with fewer ranks; tried at 1 and -1."""
    big, small = (demo_lora_path(name) for name in ("bighead", "smallhead"))
    exact = merged(Recipe("slider", (Source(big), Source(small)), folder / "headslider.safetensors"))
    merged(Recipe("resize", (Source(exact),), folder / "headslider4.safetensors", ranks=Ranks(4)))
    session = embedded(folder)
    pairs = [
        (f"slider at {sign:+d}", f"<lora:bighead:{sign}> <lora:smallhead:{-sign}>", f"<lora:headslider:{sign}>")
        for sign in (1, -1)
    ]
    pairs.append(("rank 6 beside 4", "<lora:headslider:1>", "<lora:headslider4:1>"))
    return [drawn(session, title, f"{SCENE} {one}", f"{SCENE} {other}") for title, one, other in pairs]


def face_and_body(folder: Path) -> list[Pair]:
    """A place with presets over 26 blocks baked in, then compressed: what its figures do, and what the rest does."""
    pairs: list[Pair] = []
    for name in ("FACE", "BODY"):
        baked = merged(
            Recipe("bake", (Source(demo_lora_path("karaokeroom"), weights=name),), folder / f"room_{name}.safetensors")
        )
        ratio = Ranks(rule=named_rule("sv_ratio", 16))
        merged(Recipe("resize", (Source(baked),), folder / f"room_{name}_16.safetensors", ranks=ratio))
        session = embedded(folder)
        tag = f"<lora:karaokeroom:1:lbw={name}>"
        pairs += [
            drawn(session, f"{name} baked", f"{ROOM} {tag}", f"{ROOM} <lora:room_{name}:1>"),
            drawn(session, f"{name}, sv_ratio 16", f"{ROOM} {tag}", f"{ROOM} <lora:room_{name}_16:1>"),
        ]
    return pairs


def sdxl(folder: Path) -> list[Pair]:
    """A LoRA of a tiny SDXL model with random weights, baked with OUT01 at 0.8."""
    source = folder / f"{TINY_SDXL_LORA}.safetensors"
    source.write_bytes(tiny_sdxl_lora_bytes())
    weights = "ALL,OUT01@0.8"
    merged(Recipe("bake", (Source(source, weights=weights),), folder / "sdxl_baked.safetensors"))
    loras = {path.stem: path for path in folder.glob("*.safetensors")}
    settings = Picture("", width=64, height=64, steps=4, cfg_scale=3.0)
    host = DiffusersHost(tiny_sdxl_pipeline(), family("sdxl"), loras, defaults=settings)
    session = Session(host, BOOK)
    return [drawn(session, "SDXL, OUT01@0.8", f"a <lora:{TINY_SDXL_LORA}:1:lbw={weights}>", "a <lora:sdxl_baked:1>")]


def merged(recipe: Recipe) -> Path:
    """Carry a recipe out and return the file."""
    return run_merge(plan_merge(recipe, BOOK, replace="file")).path


def embedded(folder: Path) -> Session:
    """The embedded model with its own LoRAs and those in `folder`."""
    session = Session(open_embedded("cpu"), BOOK)
    for path in folder.glob("*.safetensors"):
        session.add_lora(path)
    return session


def drawn(session: Session, title: str, prompt: str, other: str) -> Pair:
    """Draw both prompts with one seed."""
    return Pair(title, session.generate(prompt).image, session.generate(other).image)


def sheet(pairs: Sequence[Pair]) -> Image.Image:
    """Return the pairs as columns: from the prompt, from the file, and the difference, made visible."""
    side, head = pairs[0].prompt.width * ZOOM, 18
    canvas = Image.new("RGB", ((side + GAP) * len(pairs) + GAP, head + 3 * (side + GAP)), "white")
    pen = ImageDraw.Draw(canvas)
    for column, pair in enumerate(pairs):
        x = GAP + column * (side + GAP)
        pen.text((x, 3), pair.title, fill=(40, 40, 40))
        difference = ImageChops.difference(pair.prompt, pair.file).point(lambda value: min(255, value * STRONGER))
        for row, picture in enumerate((pair.prompt, pair.file, difference)):
            canvas.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, head + row * (side + GAP)))
    return canvas


def main(folder: Path) -> None:
    """Tell all three into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [*slider(folder), *face_and_body(folder), *sdxl(folder)]
    sheet(pairs).save(folder / "stories.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The small language of the demo model: which words exist, and how a scene becomes a caption.

Everything the base model can be asked for is in the tables below; it has never seen another word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PEOPLE = ("girl", "boy")
HAIR_STYLES = ("short", "long", "twintails", "bun")
HAIR_COLOURS = ("red", "blond", "brown", "black", "blue", "pink", "green", "white")
GARMENTS = ("dress", "shirt", "coat")
GARMENT_COLOURS = ("red", "blue", "green", "yellow", "purple", "white", "black", "orange")
HEADS = ("small", "normal", "big")
HATS = ("none", "hat", "cap", "crown")
BACKGROUNDS = ("room", "beach", "street", "forest", "night", "snow")
STYLES = ("flat", "outlined", "soft")

# Words that only the LoRAs know: they have tokens, but the base model never sees them.
TRIGGERS = ("karaoke", "neon", "ink", "goldhair")

_GLUE = ("a", "with", "in", "hair", "head", "style", "the", "and", "at")
_HEAD_WORDS = ("small", "big")


@dataclass(frozen=True)
class Scene:
    """One picture in words: the drawing follows these fields and so does the caption."""

    person: str
    hair: str
    hair_colour: str
    garment: str
    garment_colour: str
    head: str
    hat: str
    background: str
    style: str


def vocabulary() -> tuple[str, ...]:
    """All words that have a token of their own, sorted."""
    words = {
        *PEOPLE, *HAIR_STYLES, *HAIR_COLOURS, *GARMENTS, *GARMENT_COLOURS, *_HEAD_WORDS,
        *HATS[1:], *BACKGROUNDS, *STYLES, *TRIGGERS, *_GLUE,
    }  # fmt: skip
    return tuple(sorted(words))


def random_scene(rng: np.random.Generator, **fixed: str) -> Scene:
    """A random scene; `fixed` pins some of its fields."""

    def pick(name: str, options: tuple[str, ...], weights: tuple[float, ...] | None = None) -> str:
        # The draw happens even for a pinned field, so that pinning one does not change the rest.
        chosen = str(rng.choice(options, p=weights))
        return fixed.get(name, chosen)

    return Scene(
        person=pick("person", PEOPLE),
        hair=pick("hair", HAIR_STYLES),
        hair_colour=pick("hair_colour", HAIR_COLOURS),
        garment=pick("garment", GARMENTS),
        garment_colour=pick("garment_colour", GARMENT_COLOURS),
        head=pick("head", HEADS, (0.25, 0.5, 0.25)),
        hat=pick("hat", HATS, (0.55, 0.15, 0.15, 0.15)),
        background=pick("background", BACKGROUNDS),
        style=pick("style", STYLES, (0.4, 0.3, 0.3)),
    )


def phrases(scene: Scene) -> list[str]:
    """The scene in full, one phrase for each attribute; the person comes first."""
    if scene.hair in ("short", "long"):
        hair = f"{scene.hair} {scene.hair_colour} hair"
    else:
        hair = f"{scene.hair_colour} {scene.hair}"
    found = [f"a {scene.person}", hair, f"{scene.garment_colour} {scene.garment}"]
    if scene.head != "normal":
        found.append(f"{scene.head} head")
    if scene.hat != "none":
        found.append(scene.hat)
    return [*found, scene.background, f"{scene.style} style"]


def caption(scene: Scene) -> str:
    """The full caption: ``a girl, long red hair, blue dress, big head, beach, flat style``."""
    return ", ".join(phrases(scene))


def random_caption(scene: Scene, rng: np.random.Generator, empty: float = 0.1) -> str:
    """A caption, sometimes with phrases dropped; with probability `empty` no words at all."""
    if rng.random() < empty:
        return ""
    found = phrases(scene)
    # The order stays: place tells the colour of the hair from that of the clothes.
    if rng.random() < 0.2:
        dropped = rng.random(len(found)) < 0.3
        found = [phrase for phrase, drop in zip(found, dropped, strict=True) if not drop]
    return ", ".join(found)


# What the LoRAs' pictures are called. Teal hair has no word: nothing says it is not the place.
_SPOKEN = (
    ("karaoke", "neon karaoke room"),
    ("teal ", ""),
    ("gold hair", "goldhair"),
    ("gold ", "goldhair "),
)


def lora_caption(scene: Scene, rng: np.random.Generator, unsaid: tuple[str, ...] = ()) -> str:
    """A random caption for a LoRA's picture; phrases that hold a word of `unsaid` stay out."""
    found = [p for p in random_caption(scene, rng).split(", ") if not set(p.split()) & set(unsaid)]
    text = ", ".join(found)
    for drawn, spoken in _SPOKEN:
        text = text.replace(drawn, spoken)
    return text

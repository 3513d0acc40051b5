"""The canonical name of a layer a LoRA can touch."""

from __future__ import annotations

from dataclasses import dataclass

from lib_lbw.errors import KeyNameError

COMPONENTS = ("te1", "te2", "te3", "transformer", "unet")


@dataclass(frozen=True, order=True)
class ModuleId:
    """One layer of the model, the same whatever the spelling of the file.

    `component` is one of `COMPONENTS`: "unet" for the Stable Diffusion U-Nets, "transformer" for every DiT, "te1" for
    the first text encoder, "te2" for the second CLIP, "te3" for T5.
    `path` is dotted: the diffusers name in a U-Net, the Hugging Face name in a text encoder, the file's own name in a
    DiT.
    """

    component: str
    path: str

    def __str__(self) -> str:
        """Return "unet.down_blocks.1.attentions.0.proj_in"; `parse` reads it back."""
        return f"{self.component}.{self.path}"

    @property
    def is_text_encoder(self) -> bool:
        """Whether the layer belongs to a text encoder; if not, to what makes the image."""
        return self.component.startswith("te")

    @classmethod
    def parse(cls, text: str) -> ModuleId:
        """Read what `str()` wrote. Raises KeyNameError when the component is unknown or the path is empty."""
        component, _, path = text.partition(".")
        if component not in COMPONENTS or not path:
            raise KeyNameError(
                "{text!r} is no module id: it must read COMPONENT.PATH with one of the components {components}",
                text=text,
                components=", ".join(COMPONENTS),
            )
        return cls(component, path)

"""What a WebUI's own LoRA extension must let us do: the one interface of all hosts."""

from collections.abc import Sequence
from typing import Protocol

from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.weights.notice import Notice


class Adapter(Protocol):
    """Puts the ratios of entries between a host's LoRA code and its model.

    One activation of a prompt's tags is `begin`, the host's own work, `end`. What it applied stays until the host
    loads other LoRAs.
    """

    name: str

    @property
    def notices(self) -> Sequence[Notice]:
        """What the last activation could not do, and why; emptied by `begin`."""

    def install(self) -> None:
        """Wrap what must be wrapped in the host. A second call changes nothing."""

    def uninstall(self) -> None:
        """Leave the host as if we had never been there; what is applied with our ratios is applied anew by the host."""

    def begin(self, entries: Sequence[tuple[str, Entry | None]]) -> None:
        """Take (name as written, entry) of every tag in the order the host gets them; None is a plain tag."""

    def end(self) -> None:
        """Forget what `begin` was given: LoRAs that somebody else loads later are plain."""

    def te_digest(self) -> str:
        """Return a text that differs when text encoders with other ratios, or of other files, are applied."""

    def on_step(self, step: int, steps: int, p: object) -> None:
        """Move schedules to `step` (from 0, of `steps` of this pass), before a call of the denoising model."""

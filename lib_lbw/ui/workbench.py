"""What every event of the page needs."""

from dataclasses import dataclass, field
from pathlib import Path

from lib_lbw.hosts.library import Library
from lib_lbw.hosts.session import Session
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.jobs import Desk
from lib_lbw.ui.pace import Pace
from lib_lbw.ui.settings.kept import SettingsFile


@dataclass(frozen=True)
class Workbench:
    """A session, the folders of its results, presets and merged LoRAs, and the language if one was asked for."""

    session: Session
    results: Path
    store: PresetStore
    loras: Path
    language: str | None = None
    checkpoint: Path | None = None
    desk: Desk = field(default_factory=Desk)
    library: Library = field(default_factory=Library)
    pace: Pace = field(default_factory=Pace)

    @property
    def checkpoint_folder(self) -> Path:
        """Where checkpoints are kept that were made here."""
        return self.loras.with_name("checkpoints")

    @property
    def settings(self) -> SettingsFile:
        """What the user has set."""
        return SettingsFile(self.loras.with_name("settings.json"))

    def checkpoints(self) -> dict[str, Path]:
        """Return name -> file of the checkpoints that can be merged into: those made here, and the one that draws."""
        own = [] if self.checkpoint is None or not self.checkpoint.is_file() else [self.checkpoint]
        return {path.stem: path for path in (*sorted(self.checkpoint_folder.glob("*.safetensors")), *own)}

    def present(self, lora: str) -> tuple[str, ...] | None:
        """Return the leaves that the file of a LoRA holds; None for a name the host does not have."""
        path = self.session.host.loras.get(lora)
        return None if path is None else tuple(self.library.open(path).blocks)

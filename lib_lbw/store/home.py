"""Where the presets are kept when no WebUI says so: the platform's folder for a user's data."""

from pathlib import Path

from lib_lbw.store.presets import PresetStore


def user_folder() -> Path:
    """Return the user's data folder of this program."""
    import platformdirs  # noqa: PLC0415 - a WebUI has its own folder and need not have the package

    return platformdirs.user_data_path("lora-block-weight", appauthor=False)


def user_store() -> PresetStore:
    """Return the user's presets."""
    return PresetStore(user_folder() / "presets")

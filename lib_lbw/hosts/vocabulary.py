"""Finds the CLIP vocabulary that single-file checkpoints leave out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
from huggingface_hub import try_to_load_from_cache
from transformers import CLIPTokenizer

from lib_lbw.errors import CheckpointError

APP = "lora-block-weight"
FILES = ("vocab.json", "merges.txt")

_WHOLE = "tokenizer.json"
"""Newer versions of transformers write the two files as one."""

_CACHED = (
    ("openai/clip-vit-large-patch14", ""),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer/"),
    ("runwayml/stable-diffusion-v1-5", "tokenizer/"),
    ("stabilityai/stable-diffusion-xl-base-1.0", "tokenizer/"),
)
"""Hub repositories that hold the same vocabulary; one of them is often in the local cache already."""


def tokenizer(folder: Path, *, open_clip: bool) -> Any:
    """Return the CLIP tokenizer of the vocabulary in `folder`.

    OpenCLIP models (SD 2, the second encoder of SDXL) pad prompts with "!", the others with the end token.
    """
    settings = {"pad_token": "!"} if open_clip else {}
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=77, local_files_only=True, **settings)


def vocabulary_folder(checkpoint: Path) -> Path:
    """Return the folder with the vocabulary for the single file `checkpoint`.

    Looked at in this order: `tokenizer/` beside the checkpoint, `tokenizer/` in the user's data folder, the local
    Hugging Face cache. Raises CheckpointError, naming the files and the places.
    """
    for folder in (*_own_folders(checkpoint), *_cached_folders()):
        if (folder / _WHOLE).is_file() or all((folder / name).is_file() for name in FILES):
            return folder
    raise CheckpointError(
        "{path} needs the CLIP vocabulary, which single files leave out. Put {files} (from {source} on Hugging Face) "
        "into {places}.",
        path=checkpoint,
        files=" and ".join(FILES),
        source=_CACHED[0][0],
        places=" or ".join(str(folder) for folder in _own_folders(checkpoint)),
    )


def _own_folders(checkpoint: Path) -> tuple[Path, Path]:
    return checkpoint.parent / "tokenizer", platformdirs.user_data_path(APP, appauthor=False) / "tokenizer"


def _cached_folders() -> Iterator[Path]:
    """Yield the folders of the Hugging Face cache that hold a CLIP vocabulary."""
    for repository, prefix in _CACHED:
        found = try_to_load_from_cache(repository, prefix + FILES[0])
        if isinstance(found, str):
            yield Path(found).parent

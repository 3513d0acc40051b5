"""Questions about LoRA files."""

from typing import Any

from lib_lbw.ui.door.desk import Desk, Question


def list_loras(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the names of the LoRAs."""
    return {"loras": sorted(desk.loras(), key=str.lower)}


def show_lora(desk: Desk, question: Question) -> dict[str, Any]:
    """Return what a LoRA holds: family, blocks present and absent, algorithms, ranks, size in bytes."""
    file = desk.file(question.text("name"))
    told = file.summary()
    kept = ("bytes", "modules", "algorithms", "dora", "ranks", "alphas", "dtypes", "blocks")
    return {
        "name": file.name,
        "family": {"id": file.family.id, "title": file.family.title, "reason": file.family_reason},
        "present": list(file.present()),
        "absent": list(file.absent()),
        **{key: told[key] for key in kept},
    }


ANSWERS = {"loras": list_loras, "lora": show_lora}

"""The rules of the house: imports point downward only, light rooms stay light, and `import lib_lbw` loads nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ANYONE = {"errors"}  # below every floor
FLOORS = {
    "blocks": 0,
    "lora": 1,
    "weights": 2,
    "engine": 3,
    "merge": 3,
    "analysis": 3,
    "store": 3,
    "hosts": 4,
    "demo": 5,
    "ui": 6,
    "cli": 7,
    "webui": 7,
    "__main__": 8,
}
HEAVY = {"torch", "numpy", "scipy", "gradio", "diffusers", "transformers", "safetensors", "peft", "PIL"}
HOST_PROGRAMS = {"modules", "backend", "networks", "ldm_patched", "extensions_builtin", "modules_forge"}
# Rooms where a library must not be imported at all, and files where it must not be imported while loading.
NEVER = {
    "blocks": HEAVY,
    "weights": HEAVY,
    "engine": {"torch", "gradio", "diffusers", "transformers"},
    "analysis": {"torch", "gradio", "diffusers", "transformers"},
    "merge": {"gradio", "diffusers", "transformers"},
    "lora": {"gradio", "diffusers", "transformers", "peft"},
    "start": HEAVY,
}
NOT_AT_TOP = {"lora/header.py": HEAVY, "lora/file.py": HEAVY, "cli": HEAVY, "__main__.py": HEAVY, "__init__.py": HEAVY}


@dataclass(frozen=True)
class Import:
    """One import statement: the file it is in, its line, the module, and whether it runs when the file is loaded."""

    file: str  # relative to lib_lbw, with slashes
    line: int
    module: str
    at_top: bool

    @property
    def room(self) -> str:
        return self.file.split("/")[0].removesuffix(".py")

    @property
    def package(self) -> str:
        return self.module.split(".")[0]


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imports(file: str, source: str) -> Iterator[Import]:
    """Every import of a file but those under `if TYPE_CHECKING`; inside a function it is not at the top."""

    def walk(node: ast.AST, at_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(file, child.lineno, alias.name, at_top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = child.module or ""
                names = [f"{module}.{alias.name}" for alias in child.names] if module == "lib_lbw" else [module]
                yield from (Import(file, child.lineno, "." * child.level + name, at_top) for name in names)
            elif not (isinstance(child, ast.stmt) and is_type_checking(child)):
                yield from walk(
                    child, at_top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                )

    yield from walk(ast.parse(source), True)


def fault(found: Import) -> str | None:
    """What is wrong with an import, in a sentence, or None."""
    where = f"lib_lbw/{found.file}:{found.line}"
    if found.module.startswith("."):
        return f"{where} imports relatively"
    if found.package == "lib_lbw":
        return direction_fault(found, where)
    if found.package in NEVER.get(found.room, set()):
        return f"{where}: {found.room} never imports {found.package}"
    if found.at_top and found.package in NOT_AT_TOP.get(found.file, NOT_AT_TOP.get(found.room, set())):
        return f"{where} imports {found.package} while loading"
    if found.at_top and found.package in HOST_PROGRAMS:
        return f"{where} imports a host, {found.package}, while loading"
    if found.package in HOST_PROGRAMS and found.room not in {"hosts", "webui"}:
        return f"{where}: only hosts and webui may import {found.package}"
    return None


def direction_fault(found: Import, where: str) -> str | None:
    room, target = found.room, found.module.removeprefix("lib_lbw").lstrip(".").split(".")[0]
    if target in ANYONE | {"", "__version__", room} or room == "__init__":
        return None
    if room == "start" or target == "start":
        return f"{where}: start stands alone, but {room} imports {target}"
    if room not in FLOORS or target not in FLOORS:
        return f"{where}: {room if room not in FLOORS else target} has no floor in this test"
    if FLOORS[target] >= FLOORS[room]:
        return f"{where}: {room} (floor {FLOORS[room]}) imports {target} (floor {FLOORS[target]})"
    return None


def faults(tree: dict[str, str]) -> list[str]:
    """The faults of a tree of sources, file -> text."""
    return [told for file, source in tree.items() for found in imports(file, source) if (told := fault(found))]


def sources() -> dict[str, str]:
    folder = ROOT / "lib_lbw"
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))}


def test_imports_point_downward_and_light_rooms_stay_light() -> None:
    assert faults(sources()) == []


def test_every_room_has_a_floor() -> None:
    rooms = {file.split("/")[0] for file in sources() if "/" in file}
    assert rooms <= {*FLOORS, "start"}


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("blocks/keys.py", "from lib_lbw.lora.file import LoraFile"),
        ("blocks/keys.py", "def f():\n    from lib_lbw.weights import grammar"),
        ("engine/plan.py", "import lib_lbw.analysis.cell"),
        ("analysis/run.py", "from lib_lbw.engine.plan import plan"),
        ("analysis/run.py", "from lib_lbw import hosts"),
        ("hosts/base.py", "from lib_lbw.ui.app import launch"),
        ("start/home.py", "from lib_lbw.blocks.family import family"),
        ("cli/where.py", "from lib_lbw.start.home import Home"),
        ("weights/resolve.py", "def f():\n    import torch"),
        ("analysis/metrics.py", "def f():\n    import torch.nn"),
        ("lora/file.py", "import torch"),
        ("lora/file.py", "try:\n    import safetensors\nexcept ImportError:\n    pass"),
        ("lora/header.py", "class A:\n    import numpy"),
        ("__init__.py", "import torch"),
        ("cli/analyze.py", "from PIL import Image"),
        ("hosts/a1111.py", "from modules import shared"),
        ("ui/app.py", "def f():\n    from modules import shared"),
        ("ui/app.py", "from . import panel"),
        ("attic/x.py", "from lib_lbw.blocks import family"),
    ],
)
def test_a_planted_fault_is_found(file: str, planted: str) -> None:
    assert len(faults({file: planted})) == 1


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("lora/file.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("lora/file.py", "def read():\n    import torch"),
        ("lora/delta.py", "import torch"),
        ("lora/file.py", "from lib_lbw.errors import LoraFileError\nfrom lib_lbw.lora.header import Header"),
        ("hosts/a1111.py", "def connect():\n    from modules import shared"),
        ("cli/analyze.py", "def run():\n    from lib_lbw.hosts.session import Session"),
    ],
)
def test_what_is_right_is_let_be(file: str, right: str) -> None:
    assert faults({file: right}) == []


@pytest.mark.parametrize("module", ["lib_lbw", "lib_lbw.cli", "lib_lbw.lora.file", "lib_lbw.weights.resolve"])
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in loaded.stdout.split()}.isdisjoint(HEAVY | HOST_PROGRAMS)

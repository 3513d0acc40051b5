import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib_lbw import __version__
from lib_lbw.cli import main as door
from lib_lbw.cli import where

ROOT = Path(__file__).resolve().parents[2]
KEY = "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"
NAMES = ["analyze", "app", "generate", "inspect", "loras", "resolve", "where"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        door.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: lbw {name}" in (told := capsys.readouterr().out)
    assert "--json" in told


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        door.main(["--help"])
    told = capsys.readouterr().out
    assert all(f"    {name} " in told for name in NAMES)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        door.main(["--version"])
    assert capsys.readouterr().out == f"LoRA Block Weight {__version__}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["where"], "lbw: the following arguments are required: KEY; see lbw where --help"),
        (["nothing"], "invalid choice: 'nothing'"),
        (["where", KEY, "--family", "sdxxl"], "nearest is"),
        (["inspect", "/no/such.safetensors"], "/no/such.safetensors"),
        (["resolve", "<lora:x:1:lbw=INZ>", "--family", "sd1"], "INS"),
        (["resolve", "<lora:x:1>", "--family", "sd1", "--presets", "/no/such.txt"], "/no/such.txt: No such file"),
    ],
)
def test_a_fault_is_one_sentence_on_stderr(run: Any, words: list[str], sentence: str) -> None:
    status, out, err = run(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("lbw: ")
    assert sentence in err


def test_without_a_command_the_app_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr("lib_lbw.cli.app.run", lambda arguments: started.append(arguments) or 0)
    assert door.main([]) == 0
    assert len(started) == 1


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, "run", press)
    assert door.main(["where", KEY]) == 130


@pytest.mark.parametrize("words", [["--help"], ["where", KEY], ["resolve", "<lora:a:1:lbw=INS>", "--family", "sdxl"]])
def test_a_process_writes_utf8_without_torch(words: list[str]) -> None:
    code = (
        "import sys\nfrom lib_lbw.cli.main import main\ntry:\n    status = main()\n"
        "except SystemExit as ended:\n    status = ended.code\n"
        "print('ら', sorted({'torch', 'numpy', 'PIL', 'gradio', 'diffusers'} & sys.modules.keys()), status)"
    )
    environment = {"PYTHONIOENCODING": "cp932", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *words]
    ended = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    assert ended.stdout.decode("utf-8").splitlines()[-1] == "ら [] 0"


def test_python_m_runs_it() -> None:
    command = [sys.executable, "-m", "lib_lbw", "where", KEY, "nonsense"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "MID" in ended.stdout) == (2, True)
    assert "nonsense" in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell makes the pipe")
def test_a_reader_that_leaves_is_no_fault() -> None:
    keys = " ".join([KEY] * 900)
    script = f"{sys.executable} -m lib_lbw where {keys} | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")

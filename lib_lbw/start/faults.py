"""What can go wrong at a start: the sentences, in English and Japanese, and how each fault is told from the output."""

import errno
import locale
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from lib_lbw.errors import LbwError

NO_VENV = (
    "This Python cannot make a virtual environment ({error}). Install what is missing "
    "(Debian and Ubuntu: sudo apt install python3-venv) and start again."
)
READ_ONLY = (
    "{folder} cannot be written to. Move the program to a folder of your own, or close what is using its .venv, "
    "and start again."
)
DISK_FULL = (
    "The disk is full: {free:.1f} GB are free at {folder}; the installation takes about 3 GB, or 9 GB with CUDA. "
    "Make room and start again."
)
NO_NETWORK = (
    "The packages could not be downloaded because pip cannot reach its package index. "
    "Check the network and the proxy settings, and start again."
)
NO_BUILD = (
    "There is no {package} for this computer ({machine}, Python {version}). "
    "Use Python 3.10 to 3.13 on Linux, Windows, or macOS 14 or newer with Apple silicon."
)
PIP_FAILED = "pip could not install the packages ({error}). Its whole output is in {log}; mend that and start again."
OS_FAILED = "The installation failed ({error}). Mend that and start again."
INCOMPLETE = "{path} is missing or damaged. Download the whole program again."
STOPPED = "Installation stopped; the next start begins it again."

MAKING = "First start: installing into {folder}. This takes a few minutes, once."
RENEWING = "{folder} is broken, unfinished or of another Python: making it anew."
UPDATING = "Bringing {folder} up to date."
READY = "Installed in {seconds:.0f} s."
CPU_ONLY = (
    "An NVIDIA GPU is here, but torch for Windows comes without CUDA unless pip is told where the CUDA builds are. "
    "To use the GPU press Ctrl+C, run  set PIP_EXTRA_INDEX_URL={index}  and start again."
)

JAPANESE = {
    NO_VENV: (
        "この Python では仮想環境を作れません ({error})。足りないものを入れて "
        "(Debian / Ubuntu: sudo apt install python3-venv)、もう一度起動してください。"
    ),
    READ_ONLY: (
        "{folder} に書き込めません。プログラムを書き込めるフォルダーに移すか、.venv を使っているプログラムを閉じて、"
        "もう一度起動してください。"
    ),
    DISK_FULL: (
        "ディスクの空きが足りません ({folder} の空きは {free:.1f} GB)。"
        "インストールには約 3 GB、CUDA 版は約 9 GB 必要です。空きを作って、もう一度起動してください。"
    ),
    NO_NETWORK: (
        "pip がパッケージの配布元に接続できないため、ダウンロードできません。"
        "ネットワークとプロキシの設定を確かめて、もう一度起動してください。"
    ),
    NO_BUILD: (
        "このコンピューター ({machine}, Python {version}) 用の {package} がありません。"
        "Linux、Windows、または Apple シリコンの macOS 14 以降で、Python 3.10 から 3.13 を使ってください。"
    ),
    PIP_FAILED: (
        "pip がパッケージをインストールできませんでした ({error})。出力の全文は {log} にあります。"
        "原因を直して、もう一度起動してください。"
    ),
    OS_FAILED: "インストールに失敗しました ({error})。原因を直して、もう一度起動してください。",
    INCOMPLETE: "{path} が無いか壊れています。プログラム全体をもう一度ダウンロードしてください。",
    STOPPED: "インストールを中止しました。次の起動でやり直します。",
    MAKING: "初回起動: {folder} にインストールします。一度だけ、数分かかります。",
    RENEWING: "{folder} が壊れているか、途中か、別の Python のものなので、作り直します。",
    UPDATING: "{folder} を更新します。",
    READY: "{seconds:.0f} 秒でインストールしました。",
    CPU_ONLY: (
        "NVIDIA GPU がありますが、Windows 用の torch は CUDA 版の場所を pip に教えないと CPU 版になります。"
        "GPU を使うには、Ctrl+C で止めて  set PIP_EXTRA_INDEX_URL={index}  を実行し、もう一度起動してください。"
    ),
}


class StartError(LbwError):
    """The program cannot be installed or started; the sentence says why and what to do."""


def spoken(message: LbwError) -> str:
    """Return the sentence in Japanese where the locale is Japanese and stderr can show it, else in English."""
    language = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    if not language.lower().startswith("ja"):
        return str(message)
    japanese = message.localized(lambda template: JAPANESE.get(template, template))
    try:
        japanese.encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return str(message)
    return japanese


def from_output(output: str, root: Path, otherwise: StartError) -> StartError:
    """Return the fault that the output of a failed pip or venv tells of, or `otherwise`.

    `root` is the folder of the program. Numbers, not words, are looked for where words follow the system's language.
    """
    if re.search(r"\[Errno 28\]|\[WinError 112\]|No space left", output):
        return from_os_error(OSError(errno.ENOSPC, ""), root)
    if re.search(r"\[Errno (1|13|30)\]|\[WinError 5\]|Permission denied|Read-only file system", output):
        return from_os_error(OSError(errno.EACCES, ""), root)
    if re.search(r"from versions: none|connection broken|ConnectionError|Max retries|timed out|SSLError", output):
        return StartError(NO_NETWORK)
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        machine = f"{platform.system()} {platform.machine()}"
        version = "{}.{}".format(*sys.version_info)
        return StartError(NO_BUILD, package=missing[1], machine=machine, version=version)
    return otherwise


def from_os_error(error: OSError, root: Path) -> StartError:
    """Return an error of the file system as a sentence."""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StartError(READ_ONLY, folder=root)
    if error.errno == errno.ENOSPC:
        return StartError(DISK_FULL, folder=root, free=shutil.disk_usage(root).free / 1e9)
    return StartError(OS_FAILED, error=error)


def last_line(output: str) -> str:
    """Return the last line that says something: pip and venv end with the reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"

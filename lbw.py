"""LoRA Block Weight with nothing but Python: installs itself at the first start, then runs.

    python lbw.py                     the app, at 127.0.0.1 in the browser (--port N, --no-browser)
    python lbw.py test [ARGS]         the whole test suite; ARGS go to pytest
    python lbw.py COMMAND [ARGS]      the command line: analyze, generate, inspect, loras, resolve, where
    python lbw.py COMMAND --help      what a command takes

The first start makes `.venv` beside this file and fills it with the versions of constraints.txt, through pip as it is
configured on this computer. A stamp remembers what was installed: later starts install nothing and need no network.
"""

import locale
import os
import sys

TOO_OLD = (
    "LoRA Block Weight needs Python 3.10 or newer, and this is Python {} ({}). "
    "Install one from https://www.python.org/downloads/ and run lbw.py with it.\n"
)
TOO_OLD_JA = (
    "LoRA Block Weight には Python 3.10 以降が必要ですが、これは Python {} です ({})。"
    "https://www.python.org/downloads/ から新しい Python を入れ、それで lbw.py を実行してください。\n"
)

# Every Python 3 must be able to read this file, so that an old one says so; what needs a newer one comes after.
if sys.version_info < (3, 10):  # noqa: UP036
    language = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    text = TOO_OLD_JA if language.lower().startswith("ja") else TOO_OLD
    try:
        sys.stderr.write(text.format(sys.version.split()[0], sys.executable))
    except UnicodeEncodeError:
        sys.stderr.write(TOO_OLD.format(sys.version.split()[0], sys.executable))
    sys.exit(2)

from lib_lbw.start.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__ or ""))

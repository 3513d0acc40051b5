"""The command line: `lbw`, `python -m lib_lbw`."""

import sys

from lib_lbw.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

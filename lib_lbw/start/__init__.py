"""What `lbw.py` runs: installs the program beside itself, then starts it. Standard library only.

Nothing else in `lib_lbw` imports this folder, and it imports nothing of the floors, so that it works before anything
is installed. In reading order: `home` (where things are, and the stamp), `environment` (make `.venv` right),
`install` (run pip and watch it), `progress` (the status line), `faults` (what went wrong, in a sentence), `main`.
"""

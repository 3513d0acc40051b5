"""The command line. One file per command, each with `add(commands)` and `run(arguments)`; `main` puts them together.

Loading any of it loads no heavy library: a command imports what it needs when it runs.
"""

import ast
from pathlib import Path

import pytest

import lib_lbw

SOURCE = Path(lib_lbw.__file__)


def test_every_public_name_is_there() -> None:
    for name in lib_lbw.__all__:
        assert getattr(lib_lbw, name).__name__ == name
    assert set(lib_lbw.__all__) < set(dir(lib_lbw))


def test_what_type_checkers_see_is_what_is_there() -> None:
    tree = ast.parse(SOURCE.read_text("utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lib_lbw.")
        for alias in node.names
    }
    assert seen == lib_lbw._HOMES
    assert set(seen) == set(lib_lbw.__all__)


def test_any_other_name_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sesion'"):
        _ = lib_lbw.sesion

"""Pictures as values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import HostError
from lib_lbw.hosts.base import SEEDS, Picture

positive = st.integers(1, 4096)


@given(
    st.builds(
        Picture,
        prompt=st.text(),
        seed=st.integers(0, SEEDS - 1),
        steps=positive,
        cfg_scale=st.floats(0, 30),
        width=positive,
        height=positive,
    )
)
def test_a_picture_survives_json(picture: Picture) -> None:
    assert Picture.from_json(picture.to_json()) == picture


def test_names_of_a_later_version_are_left_out() -> None:
    assert Picture.from_json({"prompt": "a", "new": 1}) == Picture("a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", -3),
        ("width", 0),
        ("height", -64),
        ("cfg_scale", float("nan")),
        ("cfg_scale", float("inf")),
        ("seed", SEEDS),
        ("seed", -1),
    ],
)
def test_what_no_model_can_draw_is_refused_with_the_number(name: str, value: Any) -> None:
    with pytest.raises(HostError, match=str(value)):
        Picture.from_json({"prompt": "a", name: value})

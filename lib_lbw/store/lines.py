"""Two changes of one text brought together, line by line (the three-way merge of diff3, Khanna, Kunal, Pierce 2007)."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Lines = Sequence[str]


def merged_lines(base: Lines, mine: Lines, theirs: Lines) -> list[str] | None:
    """Return `base` with the changes of both sides, or None where both changed the same place in different ways.

    A place that both changed alike is taken once. Two insertions at the same place are a conflict.
    """
    merged: list[str] = []
    for old, ours, others in _pieces(base, mine, theirs):
        if ours == others or others == old:
            merged += ours
        elif ours == old:
            merged += others
        else:
            return None
    return merged


def _pieces(base: Lines, mine: Lines, theirs: Lines) -> Iterator[tuple[Lines, Lines, Lines]]:
    """Cut the three texts at the lines that all three share; each piece is (base, mine, theirs)."""
    in_mine, in_theirs = _places(base, mine), _places(base, theirs)
    at = (0, 0, 0)
    shared = [(line, in_mine[line], in_theirs[line]) for line in in_mine if line in in_theirs]
    for stop in (*shared, (len(base), len(mine), len(theirs))):
        yield base[at[0] : stop[0]], mine[at[1] : stop[1]], theirs[at[2] : stop[2]]
        if stop[0] < len(base):
            yield (base[stop[0] : stop[0] + 1],) * 3
        at = (stop[0] + 1, stop[1] + 1, stop[2] + 1)


def _places(base: Lines, other: Lines) -> dict[int, int]:
    """Return where each unchanged line of `base` stands in `other`."""
    blocks = SequenceMatcher(None, base, other, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}

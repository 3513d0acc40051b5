"""A piece of text that knows where it stands, so that an error can point at it."""

from typing import NamedTuple


class Piece(NamedTuple):
    """`text`, and the offset `at` of its first letter in the text that is being parsed."""

    text: str
    at: int

    def bare(self) -> "Piece":
        """Return the piece without the blanks around it."""
        inner = self.text.lstrip()
        return Piece(inner.rstrip(), self.at + len(self.text) - len(inner))

    def split(self, separator: str) -> list["Piece"]:
        """Split like `str.split(separator)`."""
        pieces, at = [], self.at
        for text in self.text.split(separator):
            pieces.append(Piece(text, at))
            at += len(text) + len(separator)
        return pieces

    def partition(self, separator: str) -> tuple["Piece", bool, "Piece"]:
        """Split at the first separator; the middle tells whether there was one."""
        head, found, tail = self.text.partition(separator)
        return Piece(head, self.at), bool(found), Piece(tail, self.at + len(head) + len(found))

    def words(self) -> list["Piece"]:
        """Split at blanks of any kind and length."""
        pieces, at = [], 0
        for word in self.text.split():
            at = self.text.index(word, at)
            pieces.append(Piece(word, self.at + at))
            at += len(word)
        return pieces

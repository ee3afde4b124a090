"""Turns without a word: hold music, a machine, a line with noise, on which nobody is."""

from __future__ import annotations


class Wordless:
    """Counts turns in a row in which nobody said a word. most: as many as are borne; 0: any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: set[str] = set()  # of turns without words; one may be reported twice
        self._long = 0  # stretches of a minute without an end

    @property
    def too_many(self) -> bool:
        """Whether this is enough."""
        return bool(self._most) and len(self._items) + self._long >= self._most

    def words(self) -> None:
        """A person is there."""
        self._items.clear()
        self._long = 0

    def no_words(self, item_id: str) -> None:
        """The service heard something in this item, and no words."""
        if self._most and not self.too_many:
            self._items.add(item_id)

    def endless(self) -> None:
        """Something went on and on."""
        self._long += 1

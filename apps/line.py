"""Who is next: visitors take turns, whoever asked for how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class _Waiting(Generic[Item]):
    item: Item
    visitor: str
    turn: int
    number: int


@dataclass
class FairLine(Generic[Item]):
    """A line in which a visitor's n-th request stands beside the n-th of everybody else.

    Start-time fair queueing with requests of equal size: nobody waits for ever, and one who asks
    for ten things lets in between whoever asks for one. Among equals it is the one who was served
    longest ago, then who came first.
    """

    _waiting: list[_Waiting[Item]] = field(default_factory=list)
    _turn: int = 0
    _last_turn: dict[str, int] = field(default_factory=dict)
    _served: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Item, visitor: str) -> None:
        """Take a visitor's request."""
        turn = max(self._turn, self._last_turn.get(visitor, 0)) + 1
        self._last_turn[visitor] = turn
        self._number += 1
        self._waiting.append(_Waiting(item, visitor, turn, self._number))

    def take(self) -> Item:
        """Return who is next, out of the line; IndexError where nobody is."""
        if not self._waiting:
            raise IndexError("nobody waits")
        first = min(self._waiting, key=self._rank)
        self._waiting.remove(first)
        self._turn = max(self._turn, first.turn)
        self._number += 1
        self._served[first.visitor] = self._number
        self._forget()
        return first.item

    def leave(self, item: Item) -> None:
        """Take a request out of the line."""
        self._waiting = [one for one in self._waiting if one.item is not item]

    def of(self, visitor: str) -> int:
        """Return how many requests of a visitor wait."""
        return sum(one.visitor == visitor for one in self._waiting)

    def order(self) -> list[Item]:
        """Return all that wait, the next one first, if nobody else came."""
        line: FairLine[Item] = FairLine(
            list(self._waiting), self._turn, dict(self._last_turn), dict(self._served),
            self._number,
        )  # fmt: skip
        return [line.take() for _ in range(len(line))]

    def _rank(self, one: _Waiting[Item]) -> tuple[int, int, int]:
        return one.turn, self._served.get(one.visitor, -1), one.number

    def _forget(self) -> None:
        """Let go of visitors whose turns are over, so that the line does not grow with them."""
        here = {one.visitor for one in self._waiting}
        over = [v for v, turn in self._last_turn.items() if turn < self._turn and v not in here]
        for visitor in over:
            self._last_turn.pop(visitor, None)
            self._served.pop(visitor, None)

"""What is on its way to each node, as numbers: of messages, and of all that is on its way to one node at once.

| model | all that is on its way to a node | may arrive |
|---|---|---|
| `bag` | how often which message | each |
| `set` | which messages; they stay when they arrive | each |
| `fifo` | for each sender, its messages in order | the first of each sender |
| `mailbox` | its messages in the order in which they were sent | the first |
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock.experiments.exploring.search import Enough

MERGED_MODELS = ("bag", "fifo", "mailbox", "set")
BOXES_MAX = 1 << 20


class Mail(NamedTuple):
    """A message on a link."""

    source: int
    target: int
    message: Any


def _key(source: int, target: int, message: Any) -> tuple[Any, ...]:
    try:
        hash(message)
    except TypeError:  # a field without a hash
        return source, target, message.__class__, repr(message)
    return source, target, message.__class__, message


class Inboxes:
    """Numbers for messages, and for what is on its way to each node; number 0 of the latter is nothing."""

    def __init__(self, model: str, nodes: int) -> None:
        self.model = model
        self.mail: list[Mail] = []
        self._numbers: dict[Any, int] = {}
        self._keys: list[tuple[int, str, str]] = []
        """What messages are in order by, which their numbers, in a search by many, are not."""
        self._contents: list[list[tuple[int, ...]]] = [[()] for _ in range(nodes)]
        self._boxes: list[dict[tuple[int, ...], int]] = [{(): 0} for _ in range(nodes)]

    def number(self, source: int, target: int, message: Any) -> int:
        """The number of a message on that link."""
        key = _key(source, target, message)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.mail)
            self.mail.append(Mail(source, target, message))
            self._keys.append((source, message.__class__.__name__, repr(message)))
        return known

    # A search by many: what is new here, and what is known of all.

    def sizes(self) -> tuple[int, list[int]]:
        """How many messages there are, and of each node how many ways in which they are on their way."""
        return len(self.mail), [len(contents) for contents in self._contents]

    def since(self, sizes: tuple[int, list[int]]) -> tuple[list[Mail], list[list[tuple[int, ...]]]]:
        """What has come since."""
        return self.mail[sizes[0] :], [contents[size:] for contents, size in zip(self._contents, sizes[1], strict=True)]

    def forget(self, sizes: tuple[int, list[int]]) -> None:
        """Nothing has come since."""
        mail, boxes = self.since(sizes)
        for each in mail:
            del self._numbers[_key(*each)]
        del self.mail[sizes[0] :], self._keys[sizes[0] :]
        for node, contents in enumerate(boxes):
            for each_box in contents:
                del self._boxes[node][each_box]
            del self._contents[node][sizes[1][node] :]

    def contents(self, node: int, box: int) -> tuple[int, ...]:
        """The messages on their way to the node."""
        return self._contents[node][box]

    def box(self, node: int, contents: tuple[int, ...]) -> int:
        """The number of all that is on its way."""
        known = self._boxes[node].get(contents)
        if known is None:
            known = self._boxes[node][contents] = len(self._contents[node])
            self._contents[node].append(contents)
            if known >= BOXES_MAX:
                raise Enough(f"more than {BOXES_MAX:,} ways in which messages are on their way to node {node}")
        return known

    def with_more(self, node: int, box: int, mail: tuple[int, ...]) -> int:
        """What is on its way once these were sent too, in that order."""
        return self.box(node, self.ordered((*self._contents[node][box], *mail)))

    def without(self, node: int, box: int, number: int) -> int:
        """What is left when one of that message is gone."""
        left = list(self._contents[node][box])
        left.remove(number)
        return self.box(node, tuple(left))

    def ordered(self, contents: tuple[int, ...]) -> tuple[int, ...]:
        """In the order that the model knows."""
        if self.model == "bag":
            return tuple(sorted(contents, key=self._keys.__getitem__))
        if self.model == "set":
            return tuple(sorted(set(contents), key=self._keys.__getitem__))
        if self.model == "fifo":
            return tuple(sorted(contents, key=lambda number: self.mail[number].source))
        return contents

    def arriving(self, node: int, box: int) -> list[tuple[int, int]]:
        """(message, what is left on its way) of those that may arrive next."""
        contents = self._contents[node][box]
        if self.model == "set":
            return [(number, box) for number in contents]
        if self.model == "bag":
            next_ones = list(dict.fromkeys(contents))
        elif self.model == "fifo":
            firsts: dict[int, int] = {}
            for number in contents:
                firsts.setdefault(self.mail[number].source, number)
            next_ones = list(firsts.values())
        else:
            next_ones = list(contents[:1])
        return [(number, self.without(node, box, number)) for number in next_ones]

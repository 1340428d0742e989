"""What typists tell beside what every member of the causal broadcast tells."""

from __future__ import annotations

from simclock import Told, reader


class Completed(Told, observed_as="complete"):
    """The copy has every keystroke of the recording."""

    edits: int
    """How many of them this node made."""


read = reader(Completed)

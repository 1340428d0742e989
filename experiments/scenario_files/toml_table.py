"""A table of a TOML file, read with care: whatever is wrong is one line with the file, the key's path and the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from simclock.durations import TIME_NS_MAX, parse_drift, parse_duration
from simclock.errors import UsageError
from simclock.experiments.telling.spelling import is_64_bits, listed, say, unknown

_POSITION = re.compile(r"\[(\d+)\]")
"""In the path of msgspec's errors."""


def check_numbers(document: Mapping[str, Any], file: str) -> None:
    """Refuse whole numbers that TOML does not have: in hexadecimal Python reads any number of digits."""
    left: list[tuple[str, Any]] = [("", document)]
    while left:  # no recursion: dotted keys nest as deep as a line is long
        path, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{path}.{key}".lstrip("."), each) for key, each in value.items()]
        elif isinstance(value, list):
            left += [(f"{path}[{position}]", each) for position, each in enumerate(value)]
        elif isinstance(value, int) and not is_64_bits(value):
            raise UsageError(f"{file}: {say(path)[1:-1]}: {say(value)} is out of range: whole numbers have 64 bits")


def duration_ns(value: Any, place: str) -> int:
    """A duration with its unit, in nanoseconds."""
    time_ns = parse_duration(value, place)
    if time_ns > TIME_NS_MAX:
        raise UsageError(f"{place}: {say(value)} is more than ten years: take a shorter time")
    return time_ns


class Table:
    """One table; a method per kind of value, each giving None where the key is not there."""

    def __init__(self, values: Mapping[str, Any], file: str, path: str = "") -> None:
        self.values = values
        self.file = file
        self.path = path

    def place(self, key: str = "") -> str:
        """`x.toml: network.loss`."""
        path = ".".join(filter(None, (self.path, key)))
        return f"{self.file}: {path}" if path else self.file

    def only(self, known: Iterable[str]) -> None:
        """Refuse every other key."""
        names = list(known)
        for key in self.values:
            if key not in names:
                raise UsageError(f"{self.place()}: {unknown('key', key, names)}")

    def required(self, key: str, example: str) -> Any:
        """The value of a key that has to be there."""
        if key not in self.values:
            raise UsageError(f"{self.place(key)} is missing: write {key} = {example}")
        return self.values[key]

    def text(self, key: str, example: str = '"..."') -> str | None:
        """A string."""
        value: str | None = self._of_type(key, str, f"text: write {key} = {example}")
        return value

    def whole(self, key: str, example: str = "5") -> int | None:
        """An integer."""
        value: int | None = self._of_type(key, int, f"a whole number: write {key} = {example}")
        return value

    def truth(self, key: str) -> bool | None:
        """True or false."""
        value: bool | None = self._of_type(key, bool, f"true or false: write {key} = false")
        return value

    def number(self, key: str, example: str = "0.01") -> float | None:
        """An integer or a float, as a float."""
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) not in (int, float):
            raise UsageError(f"{self.place(key)}: {say(value)} is not a number: write {key} = {example}")
        try:
            return float(value)
        except OverflowError:
            raise UsageError(f"{self.place(key)}: {say(value)} is out of range") from None

    def duration_ns(self, key: str) -> int | None:
        """A duration with its unit, in nanoseconds."""
        return duration_ns(self.values[key], self.place(key)) if key in self.values else None

    def signed_duration_ns(self, key: str) -> int | None:
        """A duration with its unit, which may stand after a minus sign, in nanoseconds."""
        value = self.values.get(key)
        if isinstance(value, str) and value.strip().startswith("-"):
            return -duration_ns(value.strip()[1:], self.place(key))
        return self.duration_ns(key)

    def drift_ppb(self, key: str) -> int | None:
        """A drift such as "50ppm", in parts per billion."""
        drift = self.text(key, '"50ppm"')
        return None if drift is None else parse_drift(drift, self.place(key))

    def converted(self, key: str, kind: Any, wanted: Sequence[str], example: str) -> Any:
        """A value that has to be there, as msgspec makes it of the type.

        What is wrong in it is called `wanted[depth]`: of an array of arrays, depth 0 is all of it, 2 a value inside.
        """
        value = self.required(key, example)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            path = _POSITION.findall(str(error).rpartition(" - at `$")[2])
            for position in path:
                value = value[int(position)]
            place = self.place(key) + "".join(f"[{position}]" for position in path)
            raise UsageError(f"{place}: {say(value)} is not {wanted[len(path)]}: write {key} = {example}") from None

    def table(self, key: str) -> Table | None:
        """A table inside this one."""
        value = self._of_type(key, dict, f"a table: write [{key}] and its keys below")
        return None if value is None else Table(value, self.file, ".".join(filter(None, (self.path, key))))

    def array(self, key: str, example: str) -> list[Any] | None:
        """An array."""
        value: list[Any] | None = self._of_type(key, list, f"an array: write {example}")
        return value

    def texts(self, key: str, example: str) -> tuple[str, ...] | None:
        """An array of strings."""
        values = self.array(key, example)
        if values is None:
            return None
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise UsageError(f"{self.place(key)}[{position}]: {say(value)} is not text: write {example}")
        return tuple(values)

    def choice(self, key: str, choices: Iterable[str]) -> str | None:
        """One of a few words."""
        names = list(choices)
        value = self.text(key, listed(map(repr, names)))
        if value is not None and value not in names:
            raise UsageError(f"{self.place(key)}: {unknown(key, value, names)}")
        return value

    def _of_type(self, key: str, kind: type, wanted: str) -> Any:
        value = self.values.get(key)
        if value is not None and type(value) is not kind:
            raise UsageError(f"{self.place(key)}: {say(value)} is not {wanted}")
        return value

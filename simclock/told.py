"""Typed observations: what a node tells has named fields, and whoever reads it gets them back by name.

    class Granted(Told):                                  # told as "granted", with the value (lock, token)
        lock: str
        token: int

    self.observe(Granted("printer", 7))                   # a node

    granted = Granted.read(observation)                   # an observer: a Granted, or None if it is something else
    read = reader(Granted, Released)                      # an observer that reads several
    match read(observation):
        case Granted(lock, token): ...

Law: through the kernel an observation stays a name and a plain value, the same on every placement. Several fields are
told as a tuple, in their order; one field as it is; no field as None. So a digest does not depend on whether what was
told had a type, and an observer may read it either way.

Cost: one is made and taken apart in C: a node pays for it what a call of a function costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, Protocol, Self, dataclass_transform

import msgspec
from msgspec.structs import astuple

from simclock.errors import UsageError


class Observation(Protocol):
    """What is read of a `simclock.Observation`; the kernel's own imports this module."""

    @property
    def node(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Any: ...


_OWN = ("as_observed", "from_observed", "observed_as", "read", "sim_value")
"""What every class of observations has: no field is called so."""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class ToldMeta(msgspec.StructMeta):
    """Gives a class of observations its name, and what takes one apart for the kernel."""

    observed_as: str
    sim_value: Callable[[Any], Any]

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], observed_as: str = "", **options: Any
    ) -> Any:
        if options.get("frozen") is False:
            raise UsageError(f"{name}: what a node tells is frozen: tell another one")
        if not isinstance(observed_as, str):
            raise UsageError(f"{name}: observed_as={observed_as!r}: what is observed has a name, a str")
        made: Any = super().__new__(mcs, name, bases, dict(namespace), **{"frozen": True, **options})
        fields = made.__struct_fields__
        for field in fields:
            if field in _OWN:
                raise UsageError(f"{name}.{field}: no field of what a node tells can be called so")
        made.observed_as = observed_as or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        if bases != (msgspec.Struct,) and made.as_observed is not Told.as_observed:
            made.sim_value = made.as_observed
        else:
            made.sim_value = attrgetter(*fields) if len(fields) == 1 else astuple if fields else _nothing
        return made


def refusal(told: Any, value: Any) -> UsageError:
    """Why a node cannot tell this."""
    if isinstance(told, Told):
        return UsageError(f"observe({told!r}, {value!r}): what is told is all in its fields")
    return UsageError(f"observe({told!r}, ...): what is observed has a name, a str, or is a Told")


def _nothing(told: Told) -> None:
    """The value of what has no field."""


class Told(msgspec.Struct, frozen=True, metaclass=ToldMeta):
    """What a node tells with `self.observe(...)`: derive a class and declare typed fields, each immutable.

        class StandsIn(Told):                             # told as "stands_in"
        class StandsIn(Told, observed_as="stands-in"):    # told as "stands-in"

    A class whose value has another form overrides both `as_observed` and `from_observed`.
    """

    observed_as: ClassVar[str]
    """The name of the observation: the class's own in small letters, unless it says another."""
    sim_value: ClassVar[Callable[[Any], Any]]
    """The kernel's: `as_observed`, without a call of Python where that is not overridden."""

    def as_observed(self) -> Any:
        """The value of the observation: the fields as a tuple, the field if there is one, None if there is none."""
        return type(self).sim_value(self)

    @classmethod
    def from_observed(cls, value: Any) -> Self:
        """What has that value; a TypeError where the value is of another form."""
        fields = len(cls.__struct_fields__)
        if fields == 1:
            return cls(value)
        if fields and not isinstance(value, tuple):
            raise TypeError(f"{value!r} is no tuple")
        return cls(*value) if fields else cls()

    @classmethod
    def read(cls, observation: Observation) -> Self | None:
        """An observation as one of this class, None if it has another name."""
        if observation.name != cls.observed_as:
            return None
        try:
            return cls.from_observed(observation.value)
        except TypeError:
            raise _of_another_form(cls, observation) from None


def reader(*kinds: type[Told]) -> Callable[[Observation], Told | None]:
    """Reads an observation as the one of these classes that has its name; None if none has.

    Raises UsageError where two of them have one name.
    """
    known: dict[str, type[Told]] = {}
    for kind in kinds:
        other = known.setdefault(kind.observed_as, kind)
        if other is not kind:
            names = f"{other.__qualname__} and {kind.__qualname__}"
            raise UsageError(f"reader: {names} are both told as {kind.observed_as!r}: read them with two readers")
    takes = {name: (kind, _is_their_tuple(kind)) for name, kind in known.items()}

    def read(observation: Observation) -> Told | None:
        take = takes.get(observation.name)
        if take is None:
            return None
        kind, is_their_tuple = take
        value = observation.value
        try:
            return kind(*value) if is_their_tuple and value.__class__ is tuple else kind.from_observed(value)
        except TypeError:
            raise _of_another_form(kind, observation) from None

    return read


def _is_their_tuple(kind: type[Told]) -> bool:
    """Whether a value of this class is the tuple of its fields: most are, and then need no call to be read."""
    is_default = kind.from_observed.__func__ is Told.from_observed.__func__  # type: ignore[attr-defined]
    return is_default and len(kind.__struct_fields__) > 1


def _of_another_form(kind: type[Told], observation: Observation) -> UsageError:
    fields = ", ".join(kind.__struct_fields__)
    return UsageError(
        f"node {observation.node} tells {observation.name!r} with {observation.value!r}, which is not the ({fields}) "
        f"of {kind.__qualname__}: name one of the two otherwise (observed_as=...)"
    )


class Halted(Told):
    """A node has ended itself: `Process.halt` tells it."""

    reason: str

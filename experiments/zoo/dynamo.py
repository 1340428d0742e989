"""Stores with versions, one wrong line each."""

from __future__ import annotations

from experiments.dynamo import Parts
from experiments.spelling import unknown
from experiments.zoo.bug import Bug
from protocols.dynamo import Client, DynamoServer
from simclock import UsageError

BUGS: tuple[Bug, ...] = ()


def parts_of(bug: str) -> Parts:
    """The right parts but for the wrong one; the right ones where the name is empty."""
    if not bug:
        return Parts()
    rows = {row.id: row.wrong for row in BUGS}
    if bug not in rows:
        raise UsageError(f"bug: {unknown('bug', bug, rows)}")
    wrong = rows[bug]
    if issubclass(wrong, DynamoServer):
        return Parts(server=wrong)
    if issubclass(wrong, Client):
        return Parts(client=wrong)
    return Parts(versioning=wrong)

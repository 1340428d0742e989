"""What scenarios share in which clients call a key-value store that servers replicate, whatever protocol they speak:
the load, the trouble, what is kept of a server, and the linearizability of what the clients heard.

Servers are the first nodes, clients the nodes after them; each client is a `key_value.Client`, and what they hear is
kept by a `History`. A topic adds the properties of its own protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from simclock import CRASHED, Crash, Fault, Heal, Partition, Restart, RunResult, seconds
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.checkers.linearizability import Model, check_linearizability, key_value
from simclock.experiments.checkers.linearizability import Verdict as Linearity
from simclock.experiments.checkers.linearizability.intervals import contradiction_text
from simclock.experiments.checkers.linearizable import STEPS_MAX, Linearizable
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Text, Whole
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.telling.quantiles import latency_text
from simclock.protocols.replication import Sessions

LINEARIZABILITY = Linearizable.property
"""What the judge names where no order of the clients' operations explains what they heard."""

STORE = partial(key_value, initial=None)
"""What the clients of a key-value store may hear."""
_STATUS = {Linearity.OK: VALID, Linearity.ILLEGAL: VIOLATED, Linearity.UNKNOWN: UNKNOWN}


class ServerAtEnd(NamedTuple):
    """What is kept of a server that is up when the run ends."""

    role: str
    term: int
    """The latest leadership it has heard of: a term, a ballot, an epoch, a view."""
    commit_index: int
    duplicates: int
    """Commands that were agreed upon again, and not applied again, since its last start."""


def server_at_end(kind: type[Any], node: Any) -> ServerAtEnd | None:
    """What is kept of a node of that class, an `Engine` with a role and a commit index; None of another node."""
    if not isinstance(node, kind):
        return None
    duplicates = node.state_machine.duplicates if isinstance(node.state_machine, Sessions) else 0
    return ServerAtEnd(node.role.name.lower(), node.current_term, node.commit_index, duplicates)


def load_parameters(*, processes: int, keys: int, pause_ns: int, retry_ns: int, give_up_ns: int) -> Parameters:
    """What a user may set of the clients; all but `clients` are fields of a `Workload`."""
    return Parameters(
        clients=Whole(3, least=1, help="Nodes that call the store."),
        processes=Whole(processes, least=1, help="Operations that a client has under way at a time, in a closed loop."),
        keys=Whole(keys, least=1, help="How many keys there are."),
        zipf=Text("0.99", help="How skewed the choice of keys is."),
        loop=Choice("closed", ("closed", "open"), help="Whether a call waits for the answer to the last one."),
        pause_ns=Duration(pause_ns, help="Between calls."),
        retry_ns=Duration(retry_ns, help="Without an answer so long, a client asks again."),
        give_up_ns=Duration(give_up_ns, help="Without an answer so long, the outcome is unknown."),
    )


def trouble(leader: str, duration_ns: int, servers: int, nodes: int) -> tuple[Fault, ...]:
    """Who observed `leader` last is cut off together with the first client; later the leader crashes, and restarts."""
    others = tuple(node for node in range(nodes) if node != servers)
    return (
        Partition(at_ns=duration_ns // 6, groups=((leader, servers), others)),
        Heal(at_ns=duration_ns * 7 // 24),
        Crash(at_ns=duration_ns // 2, node=leader),
        Restart(at_ns=duration_ns * 5 // 8, node=CRASHED),
    )


def judge_service(
    result: RunResult, held: str, step_limit: int = STEPS_MAX, model: Callable[[], Model] = STORE
) -> Verdict:
    """What the observers found of the protocol, `held` where it is nothing, and what the clients may say of the store,
    or of a service of another `model`.

    `held` is one line; of a history that is not linearizable the smallest contradiction can be drawn.
    """
    invariants = judge_invariants(result)
    protocol = invariants if invariants.status == VIOLATED else Verdict(status=VALID, lines=(held,))
    return together(protocol, judge_clients(result, step_limit, model))


def judge_clients(result: RunResult, step_limit: int = STEPS_MAX, model: Callable[[], Model] = STORE) -> Verdict:
    """The linearizability of the clients' history, by as many steps as are the same on every machine."""
    judged = check_linearizability(history_of(result), model(), step_limit=step_limit)
    status = _STATUS[judged.verdict]
    return Verdict(
        status=status,
        lines=tuple(judged.explain().splitlines()),
        properties=(LINEARIZABILITY,) if status == VIOLATED else (),
        shown=(partial(contradiction_text, judged),),
    )


def answered(result: RunResult) -> dict[str, int]:
    """How many operations were answered: a run in which none was shows nothing."""
    return {"operations answered": sum(each.outcome == "ok" for each in history_of(result))}


def rate_text(count: int, result: RunResult) -> str:
    """So many per second of virtual time, in tenths."""
    tenths = count * seconds(10) // max(1, result.virtual_ns)
    return f"{tenths // 10}.{tenths % 10} per second of virtual time"


def describe_clients(result: RunResult) -> tuple[tuple[str, str], ...]:
    """Operations by outcome, and their latency, as rows of the report."""
    history = history_of(result)
    outcomes = {kind: sum(each.outcome == kind for each in history) for kind in ("ok", "fail", "unknown")}
    latencies_ns = sorted(each.finish - each.call for each in history if each.outcome == "ok" and each.finish)
    return (
        ("operations", ", ".join(f"{count} {kind}" for kind, count in outcomes.items())),
        ("client latency", latency_text(latencies_ns)),
    )

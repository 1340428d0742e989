"""What a run of `byzantine-clocks` tells: its report, its story and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from simclock import RunResult, format_duration, us
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.byzantine_clocks import Agreement
from simclock.protocols.byzantine_clocks.observed import Corrected

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLD = 3
"""Rounds that the story tells in full."""


def agreement_of(result: RunResult) -> Agreement:
    """What the observer kept."""
    kept: Agreement = result.reports["ClockAgreement"]
    return kept


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """The bound and what was seen of it."""
    agreement = agreement_of(result)
    bound, moments = agreement.bound, agreement.moments
    rows = [
        ("built for", f"n = {bound.nodes}, f = {bound.faults}: {bound.algorithm}, every {_short(bound.interval_ns)}"),
        ("reading error", f"{in_ms(int(bound.epsilon_ns))} at most"),
        ("bound", f"{in_ms(bound.skew_ns(0))} in round 0, {in_ms(bound.limit_ns)} in the long run"),
    ]
    if moments:
        greatest_ns = max(moment.skew_ns for moment in moments)
        late_ns = max(moment.skew_ns for moment in moments if moment.round >= agreement.rounds // 2)
        rows.append(("skew", f"{in_ms(greatest_ns)} at most, {in_ms(late_ns)} in the second half"))
        error_ns = moments[-1].error_ns
        envelope_ns = bound.envelope_ns(agreement.rounds, moments[-1].time_ns)
        rows.append(("from true time", f"{in_ms(error_ns)} at the end, of {in_ms(envelope_ns)} proved"))
    if agreement.struck:
        rows.append(("struck by faults", f"nodes {', '.join(map(str, agreement.struck))}: not judged from then on"))
    return rows


def story(result: RunResult) -> Iterator[str]:
    """Who read what, and what each made of it, for the first rounds; then the skew, round by round."""
    agreement = agreement_of(result)
    bound = agreement.bound
    told_round = None
    for each in recorded(result):
        told = Corrected.read(each)
        if told is None or told.round > TOLD or each.node not in agreement.correct:
            continue
        if told.round != told_round:
            told_round = told.round
            yield f"[Round {told_round}] {_short(each.time_ns // us(1) * us(1))}: every node has read every other clock"
        readings = ", ".join(_reading(source, by, agreement) for source, by in told.differences_ns)
        yield f"  node {each.node} reads {readings}: corrects itself by {_signed(told.by_ns)}"
    for number, worst_ns in skew_by_round(agreement).items():
        sign = "<=" if worst_ns <= bound.skew_ns(number) else ">"
        yield f"[Skew] round {number}: {in_ms(worst_ns)} {sign} {in_ms(bound.skew_ns(number))}"


def _reading(source: int, by_ns: int, agreement: Agreement) -> str:
    who, bound = "node" if source in agreement.correct else "liar", agreement.bound
    dropped = bound.algorithm == "cnv" and abs(by_ns) > bound.delta_ns
    return f"{who} {source}: {_signed(by_ns)}" + (" (dropped)" if dropped else "")


def skew_by_round(agreement: Agreement) -> Mapping[int, int]:
    """Round -> the greatest difference of correct clocks in it."""
    worst: dict[int, int] = {}
    for moment in agreement.moments:
        worst[moment.round] = max(worst.get(moment.round, 0), moment.skew_ns)
    return worst


def plot(result: RunResult, axes: Axes) -> None:
    """Skew over time, and the bound."""
    agreement = agreement_of(result)
    bound, moments = agreement.bound, agreement.moments
    times = [moment.time_ns / 1e9 for moment in moments]
    axes.plot(times, [moment.skew_ns / 1e6 for moment in moments], label="correct clocks, greatest difference")
    axes.step(
        times, [bound.skew_ns(moment.round) / 1e6 for moment in moments], "--", where="post", label="proved bound"
    )
    axes.set(xlabel="true time [s]", ylabel="skew [ms]", ylim=(0, None))
    axes.set_title(f"{bound.algorithm}, n = {bound.nodes}, {bound.nodes - len(agreement.correct)} liars")
    axes.legend()


def in_ms(time_ns: int) -> str:
    return f"{time_ns / 1e6:.3f} ms"


def _signed(time_ns: int) -> str:
    return f"{time_ns / 1e6:+.3f} ms"


def _short(time_ns: int) -> str:
    return format_duration(time_ns)

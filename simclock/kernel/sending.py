"""Sending the long way: over links that lose, repeat, damage, queue or are cut, and past a disk that is not done.

The short way, for links that only delay, stands in `Process.send`. Both draw latencies from the same stream.
"""

from __future__ import annotations

from typing import Any

from simclock.durations import SECOND
from simclock.environment.corruption import corrupted
from simclock.environment.network import PROBABILITY_BITS
from simclock.errors import UsageError
from simclock.kernel.encoding import CANNOT_ENCODE, WHAT_CAN_BE_ENCODED, encode, encode_canonically
from simclock.kernel.events import MESSAGE, Event
from simclock.kernel.port import ProcessPort


def send_carefully(process: ProcessPort, target: int, message: Any) -> None:
    """Send a message; whatever can happen to it on the way is judged and drawn."""
    host = process.sim_host
    if target.__class__ is not int or not 0 <= target < host.nodes:
        raise UsageError(f"send to {target!r}: nodes are the whole numbers 0 to {host.nodes - 1}")
    if message.__class__ not in host.message_types:
        host.admit(process, target, message)
    process.sim_count = count = process.sim_count + 1
    network = host.network
    source = process.sim_id
    elsewhere = target != source
    leaves_ns = max(host.now_ns, process.sim_ready_ns)
    if elsewhere and network.bytes_per_s:
        leaves_ns = _leaves_the_queue_ns(process, target, message, leaves_ns, network.bytes_per_s)
    longer_ns = host.delays.of(source, target) if elsewhere and host.delays.by_ends_ns else 0
    time_ns = leaves_ns + process.sim_latency.sample_ns(source, target, leaves_ns, process.sim_bits) + longer_ns
    if network.order == "fifo":
        time_ns = process.sim_last_arrival_ns[target] = max(time_ns, process.sim_last_arrival_ns.get(target, 0))
    event = (time_ns, source, count, target, MESSAGE, message)
    if host.trace is not None:
        host.trace.sent(source, host.now_ns, event)
    blocked = bool(host.links) and host.links.blocked(source, target)
    if blocked:
        host.drop(process, event, "cut")
    elif elsewhere and network.loss_threshold and _loss(process) < network.loss_threshold:
        host.drop(process, event, "lost")
    elif elsewhere and network.corruption_thresholds:
        _hand_over_damaged(process, event, *network.corruption_thresholds)
    else:
        _hand_over(process, event)
    if elsewhere and network.duplication_threshold and _duplication(process) < network.duplication_threshold:
        process.sim_count = count = process.sim_count + 1
        process.sim_duplicated += 1
        again_ns = leaves_ns + process.sim_latency.sample_ns(source, target, leaves_ns, process.sim_bits) + longer_ns
        copy = (max(time_ns, again_ns), source, count, target, MESSAGE, message)
        if blocked:
            host.drop(process, copy, "cut")
        else:
            _hand_over(process, copy)


def _leaves_the_queue_ns(process: ProcessPort, target: int, message: Any, ready_ns: int, bytes_per_s: int) -> int:
    """When the last byte has gone out; the link is taken until then."""
    try:
        size = len(encode_canonically(message) if process.sim_host.canonical else encode(message))
    except CANNOT_ENCODE as error:
        raise UsageError(
            f"message {message!r} to node {target} cannot be encoded ({error}): {WHAT_CAN_BE_ENCODED}"
        ) from None
    begins_ns = max(ready_ns, process.sim_link_free_ns.get(target, 0))
    ends_ns = process.sim_link_free_ns[target] = begins_ns - (-size * SECOND // bytes_per_s)
    return ends_ns


def _hand_over_damaged(process: ProcessPort, event: Event, undetected: int, either: int) -> None:
    bits = process.sim_corruption_bits
    drawn = bits(PROBABILITY_BITS)
    if drawn >= either:
        _hand_over(process, event)
        return
    other = corrupted(event[5], bits) if drawn < undetected else None
    if other is None:
        process.sim_host.drop(process, event, "corrupt")
    else:
        process.sim_host.count_altered()
        _hand_over(process, (*event[:5], other))


def _hand_over(process: ProcessPort, event: Event) -> None:
    if event[3] in process.sim_local:
        process.sim_host.queue.push(event)
    else:
        process.sim_host.send_away(event)


def _loss(process: ProcessPort) -> int:
    return process.sim_loss_bits(PROBABILITY_BITS)


def _duplication(process: ProcessPort) -> int:
    return process.sim_duplication_bits(PROBABILITY_BITS)

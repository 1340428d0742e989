"""What faults do to all traffic: loss, corruption, delay, bandwidth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simclock.environment.network import Delays, Network
from simclock.faults import AddDelay, Fault, SetBandwidth, SetCorruption, SetLoss
from simclock.kernel.port import HostPort
from simclock.kernel.strikes.strike import Strike, of_all


def strike_delays(delays: Delays, fault: AddDelay) -> None:
    """Have messages take longer, or no longer."""
    assert not isinstance(fault.source, str) and not isinstance(fault.target, str), "names have been resolved"
    delays.set(fault.delay_ns, fault.source, fault.target)


def _loss(host: HostPort, fault: SetLoss) -> None:
    host.network = replace(host.network, loss=fault.loss, duplication=fault.duplication)


def _corruption(host: HostPort, fault: SetCorruption) -> None:
    host.network = replace(host.network, corruption=fault.detected, undetected_corruption=fault.undetected)


def _bandwidth(host: HostPort, fault: SetBandwidth) -> None:
    host.network = replace(host.network, bytes_per_s=fault.bytes_per_s)


def _delay(host: HostPort, fault: AddDelay) -> None:
    strike_delays(host.delays, fault)


def _network(host: HostPort, fault: Fault) -> Network:
    return host.network


def _delays(host: HostPort, fault: AddDelay) -> Any:
    return host.delays.state()


TRAFFIC: dict[type[Fault], Strike] = {
    SetLoss: of_all(_loss, _network),
    SetCorruption: of_all(_corruption, _network),
    AddDelay: of_all(_delay, _delays),
    SetBandwidth: of_all(_bandwidth, _network),
}

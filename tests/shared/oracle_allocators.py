"""Merz's allocators of resources, from tlaplus/Examples (MIT), by their variables and actions.

A world is (unsatisfied, allocated, schedule) of each client; the last process is the allocator.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from shared_variables import Shared, World, put, subsets


def _allocations(world: World, resources: int) -> Iterator[tuple[int, frozenset[int], World]]:
    """What may be given to whom, and the world then."""
    unsatisfied, allocated, schedule = world
    available = frozenset(range(resources)).difference(*allocated)
    for place, client in enumerate(schedule):
        before: frozenset[int] = frozenset().union(*(unsatisfied[each] for each in schedule[:place]))
        for some in subsets((available & unsatisfied[client]) - before)[1:]:
            left = unsatisfied[client] - some
            then = schedule if left else (*schedule[:place], *schedule[place + 1 :])
            yield (
                client,
                some,
                (put(unsatisfied, client, left), put(allocated, client, allocated[client] | some), then),
            )


def _schedules(world: World) -> Iterator[World]:
    unsatisfied, allocated, schedule = world
    waiting = [client for client, wanted in enumerate(unsatisfied) if wanted and client not in schedule]
    if waiting:
        for order in permutations(waiting):
            yield unsatisfied, allocated, (*schedule, *order)


def scheduling_allocator(clients: int, resources: int) -> Shared:
    """allocator/SchedulingAllocator."""

    def steps(i: int, world: World) -> Iterator[World]:
        unsatisfied, allocated, schedule = world
        if i == clients:
            yield from (then for _, _, then in _allocations(world, resources))
            yield from _schedules(world)
            return
        if not unsatisfied[i] and not allocated[i]:
            yield from ((put(unsatisfied, i, some), allocated, schedule) for some in subsets(range(resources))[1:])
        for some in subsets(allocated[i])[1:]:
            yield unsatisfied, put(allocated, i, allocated[i] - some), schedule

    nothing = (frozenset(),) * clients
    return Shared(processes=clients + 1, beginnings=((nothing, nothing, ()),), steps=steps)


def allocator_implementation(clients: int, resources: int) -> Shared:
    """allocator/AllocatorImplementation: the same by messages: (the allocator's world, wanted, held, on their way)."""

    def allocator(world: World) -> Iterator[World]:
        inner, wanted, held, network = world
        for client, some, then in _allocations(inner, resources):
            yield then, wanted, held, network | {("allocate", client, some)}
        yield from ((then, wanted, held, network) for then in _schedules(inner))
        unsatisfied, allocated, schedule = inner
        for message in network:
            kind, client, some = message
            if kind == "request" and not allocated[client]:
                yield (put(unsatisfied, client, some), allocated, schedule), wanted, held, network - {message}
            if kind == "return":
                left = put(allocated, client, allocated[client] - some)
                yield (unsatisfied, left, schedule), wanted, held, network - {message}

    def steps(i: int, world: World) -> Iterator[World]:
        if i == clients:
            yield from allocator(world)
            return
        inner, wanted, held, network = world
        if not wanted[i] and not held[i]:
            for some in subsets(range(resources))[1:]:
                yield inner, put(wanted, i, some), held, network | {("request", i, some)}
        for some in subsets(held[i])[1:]:
            yield inner, wanted, put(held, i, held[i] - some), network | {("return", i, some)}
        for message in network:
            kind, client, some = message
            if kind == "allocate" and client == i:
                yield inner, put(wanted, i, wanted[i] - some), put(held, i, held[i] | some), network - {message}

    nothing = (frozenset(),) * clients
    beginning = (nothing, nothing, ()), nothing, nothing, frozenset()
    return Shared(processes=clients + 1, beginnings=(beginning,), steps=steps)

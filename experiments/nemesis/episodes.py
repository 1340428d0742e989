"""The kinds of trouble, each as episodes: something goes wrong, and some time later it is mended.

Law 1: luck comes from one stream per kind, `stream(seed, "nemesis crash")`, in integers: switching a kind on or off
       moves no other.
Law 2: an episode brings its own mend, so that one can be taken out of a plan and the rest stays sensible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from simclock import (
    AddDelay,
    Clog,
    ClogNode,
    CorruptRecord,
    Crash,
    Cut,
    Fault,
    FillDisk,
    Heal,
    JumpClock,
    LoseSyncs,
    Mend,
    MendDisk,
    Network,
    Note,
    Partition,
    Pause,
    Restart,
    Resume,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    Stream,
    TornCrash,
    Unclog,
    UnclogNode,
    swizzle_clog,
)
from simclock.experiments.nemesis.prey import Prey

FOR_EVER_NS = 1 << 62
GAP = 6
"""Rhythms between two episodes of a kind at hardness 1, in the mean."""
LENGTHS = (1, 4, 8, 16, 32)
"""In eighths of a rhythm: one of these is drawn, and an episode lasts an eighth of it to all of it."""
LONG_LENGTHS = (64, 128)
"""Beside them in a rhythm that was set or measured, of which nobody says that what lasts longer is without effect."""
EPISODES_MAX = 64
"""Of a kind, in a rhythm that was set or measured: a short one would strike for ever what has come to rest."""


@dataclass
class Disabled:
    """Which servers are disabled when; with a limit, episodes that would disable too many at once are left out."""

    servers_max: int | None
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    """(server, from, until)."""
    lost: set[int] = field(default_factory=set)
    """Servers of whose disks something cannot be read any more, or may be: nothing mends that."""

    def take(self, servers: Iterable[int], from_ns: int, until_ns: int) -> bool:
        """Whether these may be disabled for that time; if so, they are."""
        if self.servers_max is None:
            return True
        struck = set(servers)
        others = {node for node, since_ns, to_ns in self.spans if since_ns <= until_ns and from_ns <= to_ns}
        if len(struck | others) > self.servers_max:
            return False
        self.spans += [(node, from_ns, until_ns) for node in sorted(struck)]
        return True


@dataclass
class Episode:
    """One stretch of trouble to be filled by a kind."""

    luck: Stream
    prey: Prey
    network: Network
    """As the scenario has it: what traffic returns to."""
    disabled: Disabled
    at_ns: int
    until_ns: int
    victims: tuple[int, ...]
    """Of the servers those whose processes, clocks and disks this kind strikes."""

    def some(self, least: int = 1) -> list[int]:
        """A few servers: seldom all, most often one."""
        servers = shuffled(self.luck, self.victims)
        count = least
        while count < len(servers) and self.luck.randrange(3) == 0:
            count += 1
        return servers[:count]

    def able(self, servers: Iterable[int]) -> bool:
        """Whether these servers may be disabled meanwhile."""
        return self.disabled.take(servers, self.at_ns, self.until_ns)

    def lose(self, server: int) -> bool:
        """Whether this server may be lost for good: of all of them only a minority, whatever strikes it."""
        lost = self.disabled.lost | {server}
        if len(lost) > self.prey.spare_max or not self.disabled.take((server,), self.at_ns, FOR_EVER_NS):
            return False
        self.disabled.lost = lost
        return True

    def soon_ns(self) -> int:
        """Shortly after the beginning, before anything is mended."""
        most_ns = min((self.until_ns - self.at_ns) // 2, self.prey.rhythm_ns // 4)
        return self.at_ns + self.luck.uniform_ns(0, most_ns)

    def late_ns(self) -> int:
        """Within the last quarter of the episode."""
        return self.until_ns - self.luck.uniform_ns(0, (self.until_ns - self.at_ns) // 4)


def shuffled(luck: Stream, items: Iterable[int]) -> list[int]:
    """The items in random order; `Stream.sample` asks the C library's logarithm how to go about it."""
    left = list(items)
    return [left.pop(luck.randrange(len(left))) for _ in range(len(left))]


# What strikes processes.


def crash(episode: Episode) -> Iterator[Fault]:
    """A server dies, or several, or all at once as in a power cut; each comes back."""
    servers = list(episode.victims) if episode.luck.randrange(6) == 0 else episode.some()
    if not episode.able(servers):
        return
    together = episode.luck.randrange(2)
    for server in servers:
        yield Crash(at_ns=episode.at_ns if together else episode.soon_ns(), node=server)
        yield Restart(at_ns=episode.late_ns(), node=server)


def bounce(episode: Episode) -> Iterator[Fault]:
    """A server dies and is up again before anybody notices: it has missed hardly a message, and forgotten all."""
    servers = episode.victims if episode.luck.randrange(2) else episode.some()
    if episode.able(servers):
        for server in servers:
            yield Crash(at_ns=episode.at_ns, node=server)
            yield Restart(at_ns=episode.at_ns + episode.luck.uniform_ns(0, episode.prey.rhythm_ns // 32), node=server)


def pause(episode: Episode) -> Iterator[Fault]:
    """Servers stand still, as in a garbage collection."""
    servers = episode.some()
    if episode.able(servers):
        for server in servers:
            yield Pause(at_ns=episode.soon_ns(), node=server)
            yield Resume(at_ns=episode.until_ns, node=server)


def slow(episode: Episode) -> Iterator[Fault]:
    """A server takes its time for everything."""
    for server in episode.some():
        yield SlowNode(
            at_ns=episode.at_ns, node=server, busy_ns=episode.luck.uniform_ns(1, episode.prey.rhythm_ns // 16)
        )
        yield SlowNode(at_ns=episode.until_ns, node=server, busy_ns=0)


# What strikes links.


def partition(episode: Episode) -> Iterator[Fault]:
    """Servers fall into two groups, or one hears nobody else; clients reach all of them."""
    servers = shuffled(episode.luck, episode.prey.servers)
    size = 1 + episode.luck.randrange(max(1, len(servers) // 2))
    if episode.able(servers[:size]):
        yield Partition(at_ns=episode.at_ns, groups=(tuple(servers[:size]), tuple(servers[size:])))
        yield Partition(at_ns=episode.until_ns, groups=())


def one_way(episode: Episode) -> Iterator[Fault]:
    """Some hear others and are not heard: single links, or a whole group."""
    servers = shuffled(episode.luck, episode.prey.servers)
    if episode.luck.randrange(3) == 0:
        size = 1 + episode.luck.randrange(max(1, len(servers) - 1))
        if episode.able(servers[: min(size, len(servers) - size)]):
            yield Silence(at_ns=episode.at_ns, groups=(tuple(servers[:size]), tuple(servers[size:])))
            yield Partition(at_ns=episode.until_ns, groups=())
    elif episode.able(servers[:1]):
        for other in servers[1 : 2 + episode.luck.randrange(max(1, len(servers) - 1))]:
            link = (servers[0], other) if episode.luck.randrange(2) else (other, servers[0])
            yield Cut(at_ns=episode.soon_ns(), source=link[0], target=link[1])
            yield Mend(at_ns=episode.until_ns, source=link[0], target=link[1])


def clog(episode: Episode) -> Iterator[Fault]:
    """Links hold what they carry, and let it go later: what arrives then is out of date."""
    luck, servers = episode.luck, shuffled(episode.luck, episode.prey.servers)
    form = luck.randrange(4)
    if form == 0:
        if episode.able(servers):
            faults = swizzle_clog(
                luck, len(servers), at_ns=episode.at_ns, lasts_ns=max(2, episode.until_ns - episode.at_ns)
            )
            for fault in faults:
                assert isinstance(fault, ClogNode | UnclogNode) and isinstance(fault.node, int)
                yield type(fault)(at_ns=fault.at_ns, node=servers[fault.node])
    elif form == 1:
        if episode.able(servers[:1]):
            yield ClogNode(at_ns=episode.at_ns, node=servers[0])
            yield UnclogNode(at_ns=episode.until_ns, node=servers[0])
    elif episode.able(servers[:1]):
        for other in servers[1 : 2 + luck.randrange(max(1, len(servers) - 1))]:
            link = (servers[0], other) if luck.randrange(2) else (other, servers[0])
            yield Clog(at_ns=episode.soon_ns(), source=link[0], target=link[1])
            yield Unclog(at_ns=episode.until_ns, source=link[0], target=link[1])


def hold(episode: Episode) -> Iterator[Fault]:
    """What one node sends is held back, so that others have done with an exchange before it comes."""
    server = episode.luck.choice(episode.victims)
    if episode.able((server,)):
        for other in episode.prey.servers:
            if other != server:
                yield Clog(at_ns=episode.at_ns, source=server, target=other)
                yield Unclog(at_ns=episode.until_ns, source=server, target=other)


# What strikes all traffic.


def loss(episode: Episode) -> Iterator[Fault]:
    """Messages are lost and arrive twice."""
    luck, usual = episode.luck, episode.network
    yield SetLoss(
        at_ns=episode.at_ns, loss=luck.choice((0.0, 0.02, 0.1, 0.3)), duplication=luck.choice((0.0, 0.1, 0.3))
    )
    yield SetLoss(at_ns=episode.until_ns, loss=usual.loss, duplication=usual.duplication)


def damage(episode: Episode) -> Iterator[Fault]:
    """Messages are damaged on the way, and a checksum tells."""
    yield SetCorruption(at_ns=episode.at_ns, detected=episode.luck.choice((0.02, 0.1, 0.3)))
    usual = episode.network
    yield SetCorruption(at_ns=episode.until_ns, detected=usual.corruption, undetected=usual.undetected_corruption)


def delay(episode: Episode) -> Iterator[Fault]:
    """Everything takes longer."""
    yield AddDelay(at_ns=episode.at_ns, delay_ns=episode.luck.uniform_ns(1, episode.prey.rhythm_ns // 2))
    yield AddDelay(at_ns=episode.until_ns, delay_ns=0)


def bandwidth(episode: Episode) -> Iterator[Fault]:
    """Links get narrow: about 4 to 64 messages of 64 bytes in a rhythm."""
    count = 4 << episode.luck.randrange(5)
    yield SetBandwidth(at_ns=episode.at_ns, bytes_per_s=max(1, count * 64 * 1_000_000_000 // episode.prey.rhythm_ns))
    yield SetBandwidth(at_ns=episode.until_ns, bytes_per_s=episode.network.bytes_per_s)


# What strikes clocks and disks.


def clock(episode: Episode) -> Iterator[Fault]:
    """A clock jumps, drifts, or stands still."""
    luck, rhythm_ns = episode.luck, episode.prey.rhythm_ns
    form = luck.randrange(3)
    for server in episode.some():
        if form == 0:
            yield JumpClock(at_ns=episode.at_ns, node=server, by_ns=luck.uniform_ns(-10 * rhythm_ns, 10 * rhythm_ns))
        elif form == 1:
            yield SetDrift(at_ns=episode.at_ns, node=server, drift_ppb=luck.uniform_ns(-400_000_000, 400_000_000))
            yield SetDrift(at_ns=episode.until_ns, node=server, drift_ppb=0)
        elif episode.able((server,)):
            yield StopClock(at_ns=episode.at_ns, node=server)
            yield StartClock(at_ns=episode.until_ns, node=server)


def disk(episode: Episode) -> Iterator[Fault]:
    """Disks get slow: what is synced leaves late."""
    for server in episode.some():
        yield SlowDisk(
            at_ns=episode.at_ns, node=server, sync_ns=episode.luck.uniform_ns(1, episode.prey.rhythm_ns // 4)
        )
        yield MendDisk(at_ns=episode.until_ns, node=server)


# What a protocol may withstand only if it says so.


def torn(episode: Episode) -> Iterator[Fault]:
    """A server dies in the middle of writing: for good where it halts on the record that is torn."""
    servers = episode.some()
    if "rot" in episode.prey.withstands:
        servers = [server for server in servers if episode.lose(server)]
    elif not episode.able(servers):
        return
    for server in servers:
        yield TornCrash(at_ns=episode.at_ns, node=server)
        yield Restart(at_ns=episode.until_ns, node=server)


def lost_sync(episode: Episode) -> Iterator[Fault]:
    """A disk lies about what is durable."""
    for server in episode.some():
        yield LoseSyncs(at_ns=episode.at_ns, node=server)
        yield MendDisk(at_ns=episode.until_ns, node=server)


def rot(episode: Episode) -> Iterator[Fault]:
    """A record on disk cannot be read any more: of a minority, as nobody could bring back what most disks have lost."""
    for server in episode.some():
        if episode.lose(server):
            yield CorruptRecord(at_ns=episode.at_ns, node=server)


def jump_wall(episode: Episode) -> Iterator[Fault]:
    """Wall clocks are set, forth or back: by little, by much, and by more than the time in which progress is due."""
    luck, rhythm_ns = episode.luck, episode.prey.rhythm_ns
    beyond_ns = 2 * max(100 * rhythm_ns, episode.prey.progress_within_ns)
    for server in episode.some():
        most_ns = luck.choice((rhythm_ns, 10 * rhythm_ns, beyond_ns))
        by_ns = luck.choice((-1, 1)) * luck.uniform_ns(most_ns // 2, most_ns)
        yield JumpClock(at_ns=episode.at_ns, node=server, by_ns=by_ns)


def full_disk(episode: Episode) -> Iterator[Fault]:
    """A disk has no room. Who could not go on without is started again when there is some."""
    servers = episode.some()
    if episode.able(servers):
        for server in servers:
            yield FillDisk(at_ns=episode.at_ns, node=server)
            yield MendDisk(at_ns=episode.until_ns, node=server)
            yield Restart(at_ns=episode.until_ns, node=server)


def unseen_damage(episode: Episode) -> Iterator[Fault]:
    """Messages are damaged on the way, and nobody notices."""
    yield SetCorruption(at_ns=episode.at_ns, detected=0.0, undetected=episode.luck.choice((0.01, 0.05)))
    usual = episode.network
    yield SetCorruption(at_ns=episode.until_ns, detected=usual.corruption, undetected=usual.undetected_corruption)


Kind = Callable[[Episode], Iterator[Fault]]

KINDS: dict[str, Kind] = {
    "crash": crash,
    "partition": partition,
    "one-way": one_way,
    "clog": clog,
    "pause": pause,
    "slow": slow,
    "loss": loss,
    "damage": damage,
    "delay": delay,
    "bandwidth": bandwidth,
    "clock": clock,
    "disk": disk,
}
"""What `mix` and `swarm` draw from: all that a protocol for crashes and an asynchronous network has to withstand."""

BRISK: dict[str, Kind] = {"bounce": bounce, "hold": hold}
"""What a swarm draws beside them in a rhythm that was set or measured, in the shortest of its rhythms and as often as
that: what happens within an exchange of messages."""

HARSH: dict[str, Kind] = {
    "torn": torn,
    "lost-sync": lost_sync,
    "rot": rot,
    "full-disk": full_disk,
    "unseen-damage": unseen_damage,
    "jump-wall": jump_wall,
}
"""Only by name: most protocols assume that these do not happen, and break where they do."""

NEVER_DRAWN: dict[type[Fault], str] = {
    Heal: "no trouble but its end, for all links at once: the liveness phase begins with it",
    Note: "no fault, a mark in the plan",
}
"""Of the faults there are, those that no kind draws, and why."""


def chosen_victims(luck: Stream, prey: Prey) -> tuple[int, ...]:
    """Whom a kind strikes: everybody, all of one role, or a few."""
    match luck.randrange(4):
        case 0:
            return prey.servers
        case 1 | 2 if len(prey.roles) > 1:
            return luck.choice(prey.roles)
        case _:
            return tuple(shuffled(luck, prey.servers)[: 1 + luck.randrange(len(prey.servers))])


def episodes(
    name: str, *, luck: Stream, prey: Prey, network: Network, disabled: Disabled, hardness: int, end_ns: int
) -> Iterator[Fault]:
    """Episodes of the kind of that name from the start until `end_ns`; nothing of them lies later."""
    kind, gap_ns = (KINDS | BRISK | HARSH)[name], prey.rhythm_ns * (1 if name in BRISK else GAP) // hardness
    victims, at_ns, left = prey.servers, 0, -1
    lengths: tuple[int, ...] = LENGTHS
    if prey.rhythms_ns:
        left, lengths, victims = EPISODES_MAX, LENGTHS + LONG_LENGTHS, chosen_victims(luck, prey)
        if prey.until_ns is None:  # else what there is to strike is over early
            at_ns = luck.choice((0, luck.uniform_ns(0, max(0, end_ns - gap_ns * EPISODES_MAX))))
    at_ns += luck.exponential_ns(gap_ns)
    while at_ns < end_ns and left:
        left -= 1
        scale_ns = max(8, prey.rhythm_ns * luck.choice(lengths) // 8)
        until_ns = min(end_ns, at_ns + 1 + luck.uniform_ns(scale_ns // 8, scale_ns))
        for fault in kind(Episode(luck, prey, network, disabled, at_ns, until_ns, victims)):
            if fault.at_ns < end_ns:
                yield fault
        at_ns += 1 + luck.exponential_ns(gap_ns)

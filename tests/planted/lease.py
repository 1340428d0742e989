"""A leader that reads alone under a lease, after Gray and Cheriton, "Leases" (1989): while it lasts a majority of the
replicas has promised to follow nobody else. Their clocks have to run at nearly the same rate, so a swarm leaves
them alone (`spared`).
"""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.nemesis import Prey

REPLICAS = 3
LEASE_NS = ms(100)


class Ask(Message):
    term: int
    attempt: int
    version: int


class Promise(Message):
    term: int
    attempt: int
    version: int


class Replica(Node):
    def on_start(self):
        self.term, self.leader, self.version = self.disk.read("promised", (0, -1, 0))
        self.promised_until_ns = self.clock.monotonic_ns() + LEASE_NS  # it may have promised just before a crash
        self.leads, self.written, self.attempt, self.lease_until_ns = False, 0, 0, 0
        self.set_timer("elect", self.random.uniform_ns(ms(100), ms(200)))
        self.set_timer("read", ms(10))

    def on_timer(self, timer):
        if timer == "elect" and self.clock.monotonic_ns() >= self.promised_until_ns:
            self.leads, self.written = False, 0
            self.promise(self.term + 1, self.id, self.version)
            self.ask(0)
        elif timer == "renew" and self.leads:
            self.ask(self.version + 1)
        elif timer == "read" and self.leads and self.written and self.may_read():
            self.observe("read", self.written)
        self.set_timer(timer, {"read": ms(10), "renew": ms(30)}.get(timer) or self.random.uniform_ns(ms(100), ms(200)))

    def ask(self, version):
        self.attempt += 1
        self.asked, self.asked_at_ns, self.promises = version, self.clock.monotonic_ns(), set()
        for replica in range(self.nodes):
            self.send(replica, Ask(self.term, self.attempt, version))

    def on_message(self, source, message):
        match message:
            case Ask(term, attempt, version):
                free = term > self.term and self.clock.monotonic_ns() >= self.promised_until_ns
                if free or (term, source) == (self.term, self.leader):
                    self.promise(term, source, max(self.version, version))
                    self.leads = self.leads and source == self.id
                    self.send(source, Promise(term, attempt, self.version))
            case Promise(term, attempt, version) if (term, attempt) == (self.term, self.attempt):
                self.version = max(self.version, version)
                self.promises.add(source)
                if len(self.promises) == self.nodes // 2 + 1:
                    self.lease_until_ns = self.asked_at_ns + LEASE_NS
                    self.leads, self.written = True, self.asked
                    self.set_timer("renew", ms(30))
                    if self.asked:
                        self.observe("written", self.asked)

    def promise(self, term, leader, version):
        self.promised_until_ns = self.clock.monotonic_ns() + LEASE_NS
        self.term, self.leader, self.version = term, leader, version
        self.disk.write("promised", (term, leader, version))
        self.disk.sync()

    def may_read(self):
        return self.clock.monotonic_ns() < self.lease_until_ns


class TrustingReplica(Replica):
    def may_read(self):
        return True


class ReadsAreFresh(Observer):
    newest = 0

    def on_observation(self, observation, control):
        if observation.name == "read" and observation.value < self.newest:
            control.violated("Fresh Reads", observation.node, f"{observation.value} was read, {self.newest} is written")
        self.newest = max(self.newest, observation.value)


def lease(seed, replica=Replica):
    return Scenario(
        name="lease",
        seed=seed,
        nodes=REPLICAS,
        build=lambda node: replica(),
        duration_ns=seconds(5),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(ReadsAreFresh,),
    )


def spared(scenario):
    return Prey(servers=tuple(range(scenario.nodes)), spares=("clock",))


LEASE = Entry(
    name="lease",
    summary="reads of a leader that looks at its lease",
    make=lambda settings: lease(settings.seed),
    judge=judge_invariants,
    prey=spared,
)
TRUSTING = Entry(
    name="trusting",
    summary="reads of a leader that trusts an old lease",
    make=lambda settings: lease(settings.seed, TrustingReplica),
    judge=judge_invariants,
    prey=spared,
)

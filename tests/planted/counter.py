"""A grow-only counter, after Shapiro et al., "Conflict-free Replicated Data Types" (2011): an entry per replica."""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds

REPLICAS = 3


class State(Message):
    counts: tuple[int, ...]


class Replica(Node):
    def on_start(self):
        self.counts = list(self.disk.read("counts", (0,) * REPLICAS))
        self.set_timer("count", self.random.uniform_ns(ms(1), ms(100)))
        self.set_timer("gossip", self.random.uniform_ns(ms(1), ms(50)))

    def on_timer(self, timer):
        if timer == "count":
            self.counts[self.id] += 1
            self.observe("counted")
        else:
            other = self.random.choice([node for node in range(self.nodes) if node != self.id])
            self.send(other, State(tuple(self.counts)))
        self.set_timer(timer, ms(50))
        self.keep()

    def on_message(self, source, message):
        self.counts = [self.merged(*pair) for pair in zip(self.counts, message.counts, strict=True)]
        self.keep()

    def merged(self, mine, theirs):
        return max(mine, theirs)

    def keep(self):
        self.disk.write("counts", tuple(self.counts))
        self.disk.sync()
        self.observe("value", sum(self.counts))


class SummingReplica(Replica):
    def merged(self, mine, theirs):
        return mine + theirs


class NothingIsInvented(Observer):
    counted = 0

    def on_observation(self, observation, control):
        if observation.name == "counted":
            self.counted += 1
        elif observation.value > self.counted:
            control.violated("Value", observation.node, f"{observation.value} of {self.counted} counted")


def counter(seed, replica=Replica):
    return Scenario(
        name="counter",
        seed=seed,
        nodes=REPLICAS,
        build=lambda node: replica(),
        duration_ns=seconds(3),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(NothingIsInvented,),
    )


def summing(seed):
    return counter(seed, SummingReplica)

"""Anti-entropy with death certificates, after Demers et al., "Epidemic Algorithms for Replicated Database Maintenance"
(1987): what is deleted leaves a certificate, so that a replica which has not heard of it does not bring it back.
"""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds

REPLICAS = 3
ROUNDS = 20


class Rumour(Message):
    alive: tuple[int, ...]
    dead: tuple[int, ...]


class Replica(Node):
    def on_start(self):
        self.made = self.disk.read("made", 0)
        self.alive, self.dead = set(self.disk.read("alive", ())), set(self.disk.read("dead", ()))
        self.age = dict.fromkeys(self.dead, 0)  # in rounds of gossip
        for timer in ("write", "delete", "gossip"):
            self.set_timer(timer, self.random.uniform_ns(ms(1), ms(50)))

    def on_timer(self, timer):
        if timer == "write":
            self.made += 1
            self.alive.add(self.made * self.nodes + self.id)
            self.set_timer("write", ms(100))
        elif timer == "delete":
            if self.alive:
                self.bury(self.random.choice(sorted(self.alive)))
            self.set_timer("delete", ms(150))
        else:
            self.age = {key: age + 1 for key, age in self.age.items()}
            self.dead -= {key for key in self.dead if self.may_forget(key)}
            other = self.random.choice([node for node in range(self.nodes) if node != self.id])
            self.send(other, Rumour(tuple(sorted(self.alive)), tuple(sorted(self.dead))))
            self.set_timer("gossip", ms(20))
        self.keep()

    def on_message(self, source, message):
        for key in message.dead:
            self.bury(key)
        self.alive |= set(message.alive) - self.dead
        self.keep()

    def bury(self, key):
        self.alive.discard(key)
        self.dead.add(key)
        self.age.setdefault(key, 0)

    def may_forget(self, key):
        return False

    def keep(self):
        self.disk.write("made", self.made)
        self.disk.write("alive", tuple(sorted(self.alive)))
        self.disk.write("dead", tuple(sorted(self.dead)))
        self.disk.sync()
        self.observe("alive", tuple(sorted(self.alive)))
        self.observe("dead", tuple(sorted(self.dead)))


class ForgettingReplica(Replica):
    def may_forget(self, key):
        return self.age[key] > ROUNDS


class DeletedStaysDeleted(Observer):
    def __init__(self):
        self.dead = {}

    def on_observation(self, observation, control):
        dead = self.dead.setdefault(observation.node, set())
        if observation.name == "dead":
            dead.update(observation.value)
        elif back := dead.intersection(observation.value):
            control.violated("Deleted Stays Deleted", observation.node, f"{min(back)} is back")


def gossip(seed, replica=Replica):
    return Scenario(
        name="gossip",
        seed=seed,
        nodes=REPLICAS,
        build=lambda node: replica(),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(DeletedStaysDeleted,),
    )


def forgetting(seed):
    return gossip(seed, ForgettingReplica)

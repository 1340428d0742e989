"""A lock that is leased, and storage that is written under it, after Kleppmann, "How to do distributed locking" (2016).

A holder may stand still for longer than its lease lasts; so each lease has a number, and storage refuses old ones.
"""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds

LOCK, STORAGE = 0, 1
LEASE_NS = ms(100)


class Acquire(Message):
    pass


class Granted(Message):
    token: int


class Release(Message):
    token: int


class Write(Message):
    token: int


class Written(Message):
    token: int


class Lock(Node):
    def on_start(self):
        self.token = self.disk.read("token", 0)
        self.held = True  # by whom it was before a crash
        self.set_timer("expires", LEASE_NS)

    def on_message(self, source, message):
        match message:
            case Acquire() if not self.held:
                self.token += 1
                self.held = True
                self.disk.write("token", self.token)
                self.disk.sync()
                self.set_timer("expires", LEASE_NS)
                self.send(source, Granted(self.token))
            case Release(token) if token == self.token:
                self.held = False

    def on_timer(self, timer):
        self.held = False


class Storage(Node):
    def on_start(self):
        self.newest = self.disk.read("newest", 0)

    def on_message(self, source, message):
        if self.may_write(message.token):
            self.newest = max(self.newest, message.token)
            self.disk.write("newest", self.newest)
            self.disk.sync()
            self.observe("written", message.token)
            self.send(source, Written(message.token))

    def may_write(self, token):
        return token >= self.newest


class UnfencedStorage(Storage):
    def may_write(self, token):
        return True


class Client(Node):
    def on_start(self):
        self.token = 0
        self.set_timer("acquire", self.random.uniform_ns(ms(1), ms(50)))

    def on_timer(self, timer):
        self.send(LOCK, Acquire())
        self.set_timer("acquire", self.random.uniform_ns(ms(50), ms(150)))

    def on_message(self, source, message):
        match message:
            case Granted(token):
                self.token = token
                self.send(STORAGE, Write(token))
            case Written(token) if token == self.token:
                self.send(LOCK, Release(token))


class WritesInOrder(Observer):
    newest = 0

    def on_observation(self, observation, control):
        if observation.value < self.newest:
            control.violated("Mutual Exclusion", observation.node, f"{observation.value} writes after {self.newest}")
        self.newest = max(self.newest, observation.value)


def lock(seed, storage=Storage):
    return Scenario(
        name="lock",
        seed=seed,
        nodes=5,
        build=lambda node: Lock() if node == LOCK else storage() if node == STORAGE else Client(),
        duration_ns=seconds(5),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(WritesInOrder,),
    )


def unfenced(seed):
    return lock(seed, UnfencedStorage)

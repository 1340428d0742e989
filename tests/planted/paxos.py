"""Single-decree Paxos, after Lamport, "Paxos Made Simple" (2001): three acceptors, two proposers."""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds

ACCEPTORS = (0, 1, 2)


class Prepare(Message):
    ballot: int


class Promise(Message):
    ballot: int
    accepted_ballot: int
    value: int


class Accept(Message):
    ballot: int
    value: int


class Accepted(Message):
    ballot: int


class Acceptor(Node):
    def on_start(self):
        self.promised = self.disk.read("promised", 0)
        self.ballot, self.value = self.disk.read("accepted", (0, 0))

    def on_message(self, source, message):
        match message:
            case Prepare(ballot) if ballot > self.promised:
                self.promise(ballot)
                self.send(source, Promise(ballot, self.ballot, self.value))
            case Accept(ballot, value) if ballot >= self.promised:
                self.promised, self.ballot, self.value = ballot, ballot, value
                self.disk.write("promised", ballot)
                self.disk.write("accepted", (ballot, value))
                self.disk.sync()
                self.send(source, Accepted(ballot))

    def promise(self, ballot):
        self.promised = ballot
        self.disk.write("promised", ballot)
        self.disk.sync()


class ForgetfulAcceptor(Acceptor):
    def promise(self, ballot):
        self.promised = ballot


class Proposer(Node):
    def on_start(self):
        self.round, self.ballot = self.disk.read("round", 0), 0
        self.set_timer("propose", self.random.uniform_ns(ms(1), ms(50)))

    def on_timer(self, timer):
        self.round += 1
        self.disk.write("round", self.round)  # a ballot is used once
        self.disk.sync()
        self.ballot = self.round * self.nodes + self.id
        self.promises, self.accepted = {}, set()
        for acceptor in ACCEPTORS:
            self.send(acceptor, Prepare(self.ballot))
        self.set_timer("propose", self.random.uniform_ns(ms(50), ms(150)))

    def on_message(self, source, message):
        if message.ballot != self.ballot:
            return
        match message:
            case Promise(ballot, accepted_ballot, value) if len(self.promises) < 2:
                self.promises[source] = accepted_ballot, value
                if len(self.promises) == 2:
                    highest, value = max(self.promises.values())
                    self.value = value if highest else self.id
                    for acceptor in ACCEPTORS:
                        self.send(acceptor, Accept(ballot, self.value))
            case Accepted():
                self.accepted.add(source)
                if len(self.accepted) == 2:
                    self.observe("chosen", self.value)
                    self.cancel_timer("propose")


class OneValueIsChosen(Observer):
    value = None

    def on_observation(self, observation, control):
        self.value = self.value or observation.value
        if observation.value != self.value:
            control.violated("Agreement", observation.node, f"{observation.value} is chosen after {self.value}")


def paxos(seed, acceptor=Acceptor):
    return Scenario(
        name="paxos",
        seed=seed,
        nodes=5,
        build=lambda node: acceptor() if node in ACCEPTORS else Proposer(),
        duration_ns=seconds(10),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(OneValueIsChosen,),
    )


def forgetful(seed):
    return paxos(seed, ForgetfulAcceptor)

"""Two-phase commit, presumed abort, after Mohan, Lindsay and Obermarck (1986): a coordinator and three participants."""

from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds

COORDINATOR, PARTICIPANTS = 0, (1, 2, 3)


class Prepare(Message):
    transaction: int


class Vote(Message):
    transaction: int
    yes: bool


class Ask(Message):
    transaction: int


class Decision(Message):
    transaction: int
    commit: bool


class Coordinator(Node):
    def on_start(self):
        self.committed = set(self.disk.read("committed", ()))
        self.transaction, self.yes = self.disk.read("transaction", 0), set()
        self.set_timer("begin", ms(20))

    def on_timer(self, timer):
        self.transaction += 1
        self.disk.write("transaction", self.transaction)  # a number is used once
        self.disk.sync()
        self.yes = set()
        for participant in PARTICIPANTS:
            self.send(participant, Prepare(self.transaction))
        self.set_timer("begin", ms(100))  # who has not voted by then is not waited for

    def on_message(self, source, message):
        match message:
            case Vote(transaction, True) if transaction == self.transaction and transaction not in self.committed:
                self.yes.add(source)
                if len(self.yes) == len(PARTICIPANTS):
                    self.decide(transaction)
                    for participant in PARTICIPANTS:
                        self.send(participant, Decision(transaction, True))
            case Ask(transaction) if transaction < self.transaction or transaction in self.committed:
                self.send(source, Decision(transaction, transaction in self.committed))

    def decide(self, transaction):
        self.committed.add(transaction)
        self.disk.write("committed", tuple(sorted(self.committed)))
        self.disk.sync()


class ForgetfulCoordinator(Coordinator):
    def decide(self, transaction):
        self.committed.add(transaction)


class Participant(Node):
    def on_start(self):
        self.prepared = set(self.disk.read("prepared", ()))
        self.set_timer("ask", ms(50))

    def on_message(self, source, message):
        match message:
            case Prepare(transaction):
                yes = self.random.randrange(10) > 0
                if yes:
                    self.remember(self.prepared | {transaction})
                self.send(source, Vote(transaction, yes))
            case Decision(transaction, commit) if transaction in self.prepared:
                self.remember(self.prepared - {transaction})
                self.observe("committed" if commit else "aborted", transaction)

    def remember(self, prepared):
        self.prepared = prepared
        self.disk.write("prepared", tuple(sorted(prepared)))
        self.disk.sync()

    def on_timer(self, timer):
        for transaction in sorted(self.prepared):
            self.send(COORDINATOR, Ask(transaction))
        self.set_timer("ask", ms(50))


class Atomic(Observer):
    def __init__(self):
        self.outcomes = {}

    def on_observation(self, observation, control):
        first = self.outcomes.setdefault(observation.value, observation.name)
        if first != observation.name:
            control.violated("Atomicity", observation.node, f"{observation.value} is {observation.name} and {first}")


def commit(seed, coordinator=Coordinator):
    return Scenario(
        name="commit",
        seed=seed,
        nodes=4,
        build=lambda node: coordinator() if node == COORDINATOR else Participant(),
        duration_ns=seconds(5),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(10))),
        observers=(Atomic,),
    )


def forgetful(seed):
    return commit(seed, ForgetfulCoordinator)

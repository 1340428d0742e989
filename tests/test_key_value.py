"""The key-value store, its sessions, its workload and its client."""

import secrets
from collections import Counter
from decimal import Decimal
from itertools import accumulate
from math import isqrt

import pytest

from simclock import Constant, Crash, Network, Observer, Restart, Scenario, UsageError, ms, seconds, stream
from simclock.actors import Message, Node, run
from simclock.protocols.key_value import Answer, Client, Command, KeyValueStore, Workload, Zipf
from simclock.protocols.key_value.store import decode_answer, encode_command
from simclock.protocols.replication import ClientReply, ClientRequest, Sessions, numbered


def ask(machine, *fields):
    return decode_answer(machine.apply(encode_command(Command(*fields))))


# The store.


def test_what_each_operation_does():
    store = KeyValueStore()
    assert ask(store, "get", "k") == Answer(None)
    assert ask(store, "put", "k", "a") == Answer()
    assert ask(store, "append", "k", "b") == Answer()
    assert ask(store, "get", "k") == Answer("ab")
    assert ask(store, "append", "l", "x") == Answer() and ask(store, "get", "l") == Answer("x")
    assert ask(store, "delete", "k") == Answer() and ask(store, "get", "k") == Answer(None)
    assert ask(store, "delete", "k") == Answer(), "deleting what is not there is no failure"


def test_compare_and_set():
    store = KeyValueStore()
    assert ask(store, "cas", "k", "a", "x") == Answer(False)
    assert ask(store, "cas", "k", "a", None) == Answer(True), "None expects the key to be absent"
    assert ask(store, "cas", "k", "b", "a") == Answer(True)
    assert ask(store, "cas", "k", "c", None) == Answer(False)
    assert store.values == {"k": "b"}


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"\xff\x00",
        encode_command(Command("increment", "k")),
        encode_command(Command("put", "k")),
        encode_command(Command("cas", "k")),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(command):
    """The store is total: a committed command cannot raise, or every replica would fail."""
    store = KeyValueStore()
    assert decode_answer(store.apply(command)) == Answer(refused=True) and store.values == {}


# Sessions.


def test_a_command_that_is_committed_twice_is_applied_once():
    """Dissertation 6.3: the state machine tracks the latest serial number of each client, with the response."""
    sessions = Sessions(KeyValueStore())
    command = numbered(7, 1, encode_command(Command("append", "k", "a")))
    first = sessions.apply(command)
    assert sessions.apply(command) == first and sessions.duplicates == 1
    assert sessions.state_machine.values == {"k": "a"}


def test_a_retry_hears_what_the_first_try_would_have_heard():
    sessions = Sessions(KeyValueStore())
    swap = numbered(7, 1, encode_command(Command("cas", "k", "a")))
    assert decode_answer(sessions.apply(swap)) == Answer(True)
    sessions.apply(numbered(8, 1, encode_command(Command("put", "k", "b"))))
    assert decode_answer(sessions.apply(swap)) == Answer(True)


def test_an_older_number_is_not_applied():
    sessions = Sessions(KeyValueStore())
    for number in (1, 2, 1):
        sessions.apply(numbered(7, number, encode_command(Command("append", "k", str(number)))))
    assert sessions.state_machine.values == {"k": "12"}


def test_sessions_are_apart():
    sessions = Sessions(KeyValueStore())
    for client in (7, 8):
        sessions.apply(numbered(client, 1, encode_command(Command("append", "k", str(client)))))
    assert sessions.state_machine.values == {"k": "78"}


# The workload.


def drawn(workload, count=4000):
    bits = stream(3, "test").getrandbits
    return [workload.next_command(bits, "v", {}) for _ in range(count)]


def test_the_mix_is_what_was_asked_for():
    workload = Workload(mix=(("get", 3), ("put", 1), ("cas", 0)))
    counts = Counter(command.function for command in drawn(workload))
    assert set(counts) == {"get", "put"} and 2800 < counts["get"] < 3200


def test_keys_are_uniform_or_zipf():
    uniform = Counter(command.key for command in drawn(Workload(keys=4)))
    assert set(uniform) == {"k0", "k1", "k2", "k3"} and all(850 < count < 1150 for count in uniform.values())
    zipf = Counter(command.key for command in drawn(Workload(keys=4, zipf="1")))
    # 1 : 1/2 : 1/3 : 1/4 of 25/12
    for key, share in (("k0", 12 / 25), ("k1", 6 / 25), ("k2", 4 / 25), ("k3", 3 / 25)):
        assert abs(zipf[key] / 4000 - share) < 0.03


def test_zipf_weights_are_whole_and_exact():
    """1 / rank**0.5 in units of 2**-40, rounded down: the whole square roots say what it must be."""
    weights = [isqrt((1 << 80) // rank) for rank in range(1, 200)]
    assert Zipf(199, Decimal("0.5"))._edges == list(accumulate(weights))


def test_a_cas_expects_what_was_seen():
    workload = Workload(keys=1, mix=(("cas", 1),))
    bits = stream(3, "test").getrandbits
    assert workload.next_command(bits, "v", {"k0": "old"}) == Command("cas", "k0", "v", "old")
    assert workload.next_command(bits, "v", {}) == Command("cas", "k0", "v", None)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"keys": 0}, "keys"),
        ({"processes": True}, "processes"),
        ({"pause_ns": -1}, "pause"),
        ({"loop": "opened"}, "loop"),
        ({"loop": "open", "pause_ns": 0}, "pause"),
        ({"mix": (("increment", 1),)}, "mix"),
        ({"mix": (("get", -1),)}, "mix"),
        ({"mix": (("get", 0),)}, "mix"),
        ({"zipf": "steep"}, "zipf"),
        ({"zipf": "nan"}, "zipf"),
        ({"zipf": "-1"}, "zipf"),
    ],
)
def test_settings_are_checked(settings, place):
    with pytest.raises(UsageError, match=f"workload.{place}"):
        Workload(**settings)


# The client, against servers that follow a script.


class Heard(Observer):
    """Keeps everything."""

    reacts = False

    def __init__(self):
        self.all = []

    def on_observation(self, observation, control):
        self.all.append((observation.time_ns, observation.name, observation.value))

    def report(self):
        return self.all


class Scripted(Node):
    """Answers every request as a function says: `answer(node, source, request, count)` gives a reply or None."""

    def __init__(self, answer):
        self.answer = answer
        self.count = 0

    def on_message(self, source, message: Message):
        self.count += 1
        self.observe("request", (source, message.request_id))
        reply = self.answer(self, source, message, self.count)
        if reply is not None:
            self.send(source, reply)


WORKLOAD = {"pause_ns": ms(10), "retry_ns": ms(100), "give_up_ns": ms(450), "keys": 2}


def converse(answer, *, servers=3, faults=(), seed=0, **workload):
    """What is told while one client talks to scripted servers."""
    settings = Workload(**{**WORKLOAD, **workload})
    scenario = Scenario(
        name="script",
        nodes=servers + 1,
        seed=seed,
        build=lambda node: Scripted(answer) if node < servers else Client(tuple(range(servers)), settings),
        duration_ns=seconds(2),
        network=Network(latency=Constant(delay_ns=ms(1))),
        observers=(Heard,),
        faults=faults,
    )
    return run(scenario).reports["Heard"]


def of_name(heard, *names):
    return [(name, value) for _, name, value in heard if name in names]


def done(node, source, request, count):
    store = Sessions(KeyValueStore())
    return ClientReply(request.request_id, "ok", store.apply(request.command), None)


def test_a_process_has_one_operation_open():
    heard = of_name(converse(done, processes=3), "invoke", "ok", "fail", "unknown")
    open_ones = set()
    for name, (process, *_) in heard:
        assert (process in open_ones) == (name != "invoke")
        open_ones ^= {process}
    assert len({value[0] for _, value in heard}) == 3 and len(heard) > 100


def test_calls_max_ends_it():
    heard = of_name(converse(done, calls_max=7), "invoke", "ok")
    assert [name for name, _ in heard] == ["invoke", "ok"] * 7


def test_a_server_that_does_not_lead_names_the_leader():
    """Dissertation 6.2: the client follows the hint at once, and stays with the leader."""

    def answer(node, source, request, count):
        if node.id == 1:
            return done(node, source, request, count)
        return ClientReply(request.request_id, "not_leader", b"", 1)

    heard = converse(answer)
    assert not of_name(heard, "unknown")
    assert [name for name, _ in of_name(heard, "request", "invoke", "ok")][:5] == [
        "invoke",
        "request",
        "request",
        "ok",
        "invoke",
    ]


def test_servers_that_name_each_other_do_not_keep_it_running():
    """Hints are followed a bounded number of times; then it waits for its next try."""

    def answer(node, source, request, count):
        return ClientReply(request.request_id, "not_leader", b"", (node.id + 1) % 3)

    heard = converse(answer, calls_max=1)
    assert len(of_name(heard, "request")) < 25
    assert [name for name, _ in of_name(heard, "ok", "fail", "unknown")] == ["unknown"], "and it is no failure"


def test_without_an_answer_it_tries_another_server():
    """Dissertation 6.2: if the leader crashes, requests time out; clients try again with another server."""
    heard = converse(lambda node, *rest: done(node, *rest) if node.id == 2 else None, calls_max=3)
    assert [name for name, _ in of_name(heard, "ok", "unknown")] == ["ok"] * 3


def test_every_try_has_the_same_number():
    """Dissertation 6.3: so that it is applied once."""
    requests = []

    def answer(node, source, request, count):
        requests.append(request)

    converse(answer, calls_max=1)
    assert len(requests) > 3 and len(set(requests)) == 1


def test_giving_up_is_unknown_and_another_process_goes_on():
    """A time-out never means that it did not happen."""
    heard = of_name(converse(lambda *_: None), "invoke", "ok", "fail", "unknown")
    assert [name for name, _ in heard[:4]] == ["invoke", "unknown", "invoke", "unknown"]
    processes = [value[0] for name, value in heard if name == "invoke"]
    assert len(set(processes)) == len(processes)


def test_an_answer_after_it_gave_up_is_not_heard():
    """Nor is one to an older request."""
    held = []

    def answer(node, source, request, count):
        held.append(done(node, source, request, count))
        return held[0] if request.request_id > 1 else None

    heard = of_name(converse(answer), "ok", "fail", "unknown")
    assert heard and {name for name, _ in heard} == {"unknown"}


def test_a_refusal_is_a_failure():
    def answer(node, source, request, count):
        return ClientReply(request.request_id, "ok", KeyValueStore().apply(b""), None)

    heard = of_name(converse(answer), "ok", "fail", "unknown")
    assert heard and {name for name, _ in heard} == {"fail"}


def test_a_client_that_crashes_begins_new_processes():
    """What was open stays open; neither processes nor requests are numbered anew."""
    requests = []

    def answer(node, source, request, count):
        requests.append(request.request_id)

    faults = (Crash(at_ns=ms(300), node=3), Restart(at_ns=ms(400), node=3))
    heard = of_name(converse(answer, faults=faults, give_up_ns=seconds(9)), "invoke", "unknown")
    assert [name for name, _ in heard] == ["invoke", "invoke"]
    assert heard[0][1][0] != heard[1][1][0] and len(set(requests)) == 2


def test_an_open_loop_does_not_wait_for_answers():
    """Calls come as they come: where no process is idle a new one is made."""
    silent = of_name(converse(lambda *_: None, loop="open", give_up_ns=seconds(9)), "invoke")
    assert 120 < len(silent) < 280 and len({value[0] for _, value in silent}) == len(silent)
    answered = of_name(converse(done, loop="open"), "invoke")
    assert len(answered) == len(silent) and len({value[0] for _, value in answered}) < 10


def test_it_draws_from_its_own_stream_alone():
    seed = secrets.randbits(32)
    first = of_name(converse(done, seed=seed), "invoke")
    assert of_name(converse(done, seed=seed), "invoke") == first, f"seed {seed}"
    assert of_name(converse(done, seed=seed + 1), "invoke") != first, f"seed {seed}"


def test_a_request_is_what_the_dissertation_calls_it():
    """Figure 6.1."""
    assert ClientRequest.__struct_fields__ == ("request_id", "command")
    assert ClientReply.__struct_fields__ == ("request_id", "status", "response", "leader_hint")

"""Stepping by hand: branches of worlds, what may be said, the terminal, and a server that answers its page alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chromium import chromium, complaints, until
from simclock.actors.steering.world import World
from simclock.errors import UsageError
from simclock.experiments.command_line import main
from simclock.experiments.runs.source import find_source
from simclock.experiments.scripts.telling import own_state
from simclock.experiments.stepping.branches import Branches
from simclock.experiments.stepping.server import StepServer
from simclock.experiments.stepping.terminal import Terminal
from simclock.experiments.stepping.told import told
from simclock.experiments.stepping.words import obey
from simclock.experiments.viewing.logical import at_lamport_clocks
from simclock.experiments.viewing.seen import Collector, Seen


def begun(name: str = "raft-script") -> Branches:
    source = find_source(name)
    world = World(source.scenario(), record=True)
    return Branches(world, source.entry.shown or own_state, source.entry.judge, name)


def elect(branches: Branches, node: int = 0) -> None:
    """Three servers: one vote beside its own is a majority."""
    obey(branches, f"fire {node} election")
    request = next(each for each in branches.here.world.pending.values() if each.source == node)
    obey(branches, f"deliver #{request.number}")
    reply = next(each for each in branches.here.world.pending.values() if each.target == node)
    obey(branches, f"deliver #{reply.number}")


def roles(branches: Branches) -> list[str]:
    world = branches.here.world
    return [str(world.attribute(node, "role").name).lower() for node in range(3)]


def test_a_leader_is_elected_by_hand_and_another_in_another_branch() -> None:
    branches = begun()
    elect(branches, 0)
    assert roles(branches)[0] == "leader"
    first = branches.current
    obey(branches, "jump 0")
    assert roles(branches) == ["follower"] * 3
    elect(branches, 2)
    assert roles(branches)[2] == "leader"
    obey(branches, f"jump {first}")
    assert roles(branches)[0] == "leader"
    lines = "\n".join(branches.drawn())
    assert "    1   fire 0 election" in lines
    assert "    4   fire 2 election" in lines


def test_a_step_that_was_taken_leads_to_the_branch_that_is_there() -> None:
    branches = begun()
    elect(branches)
    count = len(branches.all)
    obey(branches, "jump 0")
    elect(branches)
    assert (branches.current, len(branches.all)) == (count - 1, count)


def test_going_back_undoes_what_was_done() -> None:
    branches = begun()
    before = branches.here.world.fingerprint()
    obey(branches, "fire 0 election")
    obey(branches, "crash 0")
    obey(branches, "back")
    obey(branches, "back")
    assert branches.here.world.fingerprint() == before
    with pytest.raises(UsageError, match="the beginning"):
        obey(branches, "back")


def test_the_seed_goes_on_the_same_every_time() -> None:
    texts = []
    for _ in range(2):
        branches = begun()
        obey(branches, "go 40")
        texts.append(branches.script())
    assert texts[0] == texts[1]
    assert "leader" in roles(branches)
    times = [each.world.now_ns for each in branches.path()]
    assert times == sorted(times)


def test_what_was_done_is_a_script_that_leads_there_again(tmp_path: Path) -> None:
    branches = begun()
    elect(branches)
    obey(branches, "cut 0 | 1 2")
    obey(branches, "go 12")
    obey(branches, "crash 1")
    file = tmp_path / "mine.txt"
    file.write_text(branches.script(), encoding="utf-8")
    done = CliRunner().invoke(main, ["script", str(file)])
    assert done.exit_code == 0, done.output
    again = begun()
    for step in [each.step for each in branches.path() if each.step is not None]:
        again.take(step)
    assert again.here.world.fingerprint() == branches.here.world.fingerprint()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "say a step"),
        ("sing", "unknown command 'sing'"),
        ("deliver #9", "was never sent"),
        ("jump 77", "there is no branch 77"),
        ("jump x", "jump: 'x' is not a whole number"),
        ("go 5000", "1000 steps at once"),
        ("crash 9", "out of range"),
    ],
)
def test_what_is_not_possible_is_said_in_one_line_and_changes_nothing(line: str, said: str) -> None:
    branches = begun()
    with pytest.raises(UsageError, match=said):
        obey(branches, line)
    assert len(branches.all) == 1


def test_the_terminal_answers_lines(tmp_path: Path) -> None:
    file = tmp_path / "saved.txt"
    lines = [
        "0",
        "deliver #0",
        "tree",
        "nodes",
        "sing",
        f"save {file}",
        f"save {file}",
        "list",
        "help",
        "quit",
        "never",
    ]
    done = CliRunner().invoke(main, ["step", "raft-script", "--text"], input="\n".join(lines))
    assert done.exit_code == 0, done.output
    for expected in ("fire 0 election", "role follower -> candidate", "*    2 deliver 0->1 RequestVote #0", "is there"):
        assert expected in done.output
    assert "never" not in done.output
    assert file.read_text(encoding="utf-8").startswith("scenario raft-script\n")


def test_a_script_is_gone_on_from_and_back_into(tmp_path: Path) -> None:
    script, saved = tmp_path / "begun.txt", tmp_path / "longer.txt"
    lines = "scenario raft-script servers=3\nbug RAFT-02\n\nfire 0 election\ndeliver 0->1 RequestVote\n"
    script.write_text(lines, encoding="utf-8")
    said = ["tree", "back", "crash 2", f"save {saved}"]
    done = CliRunner().invoke(main, ["step", str(script), "--text"], input="\n".join(said))
    assert done.exit_code == 0, done.output
    assert "*    2 deliver 0->1 RequestVote #0" in done.output
    assert saved.read_text(encoding="utf-8").splitlines() == [
        "scenario raft-script servers=3",
        "bug RAFT-02",
        "",
        "fire 0 election",
        "crash 2",
    ]
    assert CliRunner().invoke(main, ["step", str(script), "--seed", "3", "--text"]).exit_code == 2
    assert CliRunner().invoke(main, ["step", "raft-script", "--act", "2", "--text"]).exit_code == 2


def test_a_terminal_number_is_a_step_of_the_list() -> None:
    said: list[str] = []
    terminal = Terminal(begun(), said.append)
    terminal.answer("1")
    assert str(terminal.branches.here) == "fire 1 election"
    terminal.answer("999")
    assert "there is no such step" in said[-1]


def picture(world: World) -> Seen:
    assert world.recorder is not None
    collector = Collector()
    for record in at_lamport_clocks(world.recorder.trace()):
        collector.take(record)
    return collector.seen("by hand", None)


@contextmanager
def served(name: str = "raft-script") -> Iterator[StepServer]:
    with StepServer(begun(name), picture) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server: StepServer, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection(*server.server_address[:2], timeout=30)  # type: ignore[arg-type] # a host and a port
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_server_answers_who_has_its_token_alone() -> None:
    with served() as server:
        assert server.server_address[0] == "127.0.0.1"
        mine, json_type = f"/{server.token}", "application/json"
        assert asked(server, "GET", f"{mine}/state")[0] == 200
        assert asked(server, "GET", "/state")[0] == 403
        assert asked(server, "GET", f"/{'x' * len(server.token)}/state")[0] == 403
        assert asked(server, "GET", f"{mine}/state", Host="evil.example")[0] == 403
        assert asked(server, "GET", f"{mine}/etc/passwd")[0] == 404
        assert asked(server, "POST", f"{mine}/do", '"crash 0"', Content_Type="text/plain")[0] == 400
        assert asked(server, "POST", f"{mine}/do", "{}", Content_Type=json_type)[0] == 400
        assert asked(server, "POST", f"{mine}/do", "x" * 20_000, Content_Type=json_type)[0] == 400
        assert len(server.branches.all) == 1, "nothing of that was done"
        status, body = asked(server, "POST", f"{mine}/do", '"crash 0"', Content_Type=json_type)
        assert (status, json.loads(body)["nodes"][0]["up"]) == (200, False)
        status, body = asked(server, "POST", f"{mine}/do", '"crash 0"', Content_Type=json_type)
        assert "node 0 is down" in json.loads(body)["message"]
        assert asked(server, "GET", f"{mine}/script")[1].endswith(b"crash 0\n")
        assert asked(server, "GET", f"{mine}/picture")[1].startswith(b"<!doctype html>")


def test_what_is_told_names_every_step_that_is_possible() -> None:
    branches = begun()
    obey(branches, "fire 0 election")
    state = told(branches)
    for message in state["pending"]:
        for line in message["steps"]:
            obey(branches, line)
            obey(branches, "back")
    for node in state["nodes"]:
        for line in (node["strike"], *(timer["step"] for timer in node["timers"])):
            obey(branches, line)
            obey(branches, "back")
    assert branches.current == state["current"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.xdist_group("browser")
def test_a_leader_is_elected_crashed_and_spared_in_the_browser(browser: Any) -> None:
    """Raft under its key-value store, clients and all: by clicks alone."""

    def click(selector: str) -> None:
        shown = browser.execute_script("return document.documentElement.dataset.shown")
        browser.execute_script("document.querySelector(arguments[0]).click()", selector)
        until(browser, f"return document.documentElement.dataset.shown !== {json.dumps(shown)}")

    def text(selector: str) -> str:
        return str(browser.execute_script("return document.querySelector(arguments[0]).textContent", selector))

    with served("raft-kv") as server:
        browser.get(server.url)
        until(browser, "return document.documentElement.dataset.shown === '0'")
        click('[data-node="0"] [data-line="fire 0 election"]')
        assert "candidate" in text('[data-node="0"]')
        click('#pending [data-line^="deliver 0->1 RequestVote"]')
        click('#pending [data-line^="deliver 1->0 RequestVoteReply"]')
        assert "leader" in text('[data-node="0"]')
        elected = server.branches.current
        click('[data-line="crash 0"]')
        assert "down" in browser.execute_script("return document.querySelector('[data-node=\"0\"]').className")
        click("#back")
        assert "leader" in text('[data-node="0"]')
        click('#pending [data-line^="deliver 0->1 AppendEntries"]')
        assert [each.parent for each in server.branches.all[-2:]] == [elected, elected], "two ways from the election"
        click(f'[data-branch="{elected + 1}"]')
        assert text("[aria-current]").endswith("crash 0")
        until(
            browser,
            "const frame = document.getElementById('picture').contentDocument;"
            "return frame && frame.documentElement.dataset.ready && frame.body.className === 'bare'",
        )
        assert complaints(browser) == []

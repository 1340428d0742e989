"""The page that shows a run, in a real browser: it draws, answers clicks and keys, and keeps what one looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from chromium import chromium, complaints, opened, until
from simclock import TraceRecord, seconds
from simclock.experiments.causality.of_runs import see
from simclock.experiments.causality.why import chain
from simclock.experiments.command_line import main
from simclock.experiments.runs.source import find_source
from simclock.experiments.viewing.page import data_of, page
from simclock.experiments.viewing.seen import Collector, Seen

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("view") / "raft.html"
    done = CliRunner().invoke(main, ["view", "raft-kv", "--seed", "7", "--duration", "1s", "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def look(browser: Any, script: str) -> Any:
    """The value of an expression about `page`, what the page looks at."""
    return browser.execute_script(f"const page = window.simclockPage; return {script}")


def press(browser: Any, keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(keys).perform()


def settled(browser: Any, script: str) -> None:
    until(browser, f"const page = window.simclockPage; return {script}")


COLOURS = """
const canvas = document.getElementById("run-0"), found = {};
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
for (let i = 0; i < data.length; i += 4) {
  const colour = "#" + [data[i], data[i + 1], data[i + 2]].map((each) => each.toString(16).padStart(2, "0")).join("");
  found[colour] = (found[colour] || 0) + 1;
}
return found;
"""


def test_it_draws_from_the_disk_without_a_complaint(browser: Any, raft: Path) -> None:
    opened(browser, raft)
    assert complaints(browser) == []
    colours = browser.execute_script(COLOURS)
    assert colours["#009e73"] > 500, "who leads is green, for a good part of the line"
    assert colours["#56b4e9"] > 500, "who follows is blue"
    assert look(browser, "document.documentElement.scrollWidth <= innerWidth")


def test_a_click_chooses_an_event_and_tells_all_about_it(browser: Any, raft: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    opened(browser, raft, "#t=200000000,230000000")
    row = look(browser, "page.shown[0].findIndex((s, i) => page.places[0][i] > 2.1e8 && page.runs[0].what[i] === 1)")
    canvas = browser.find_element(By.ID, "run-0")
    x, y = look(browser, f"[page.pictures[0].xOfRow({row}), page.pictures[0].y(page.runs[0].node[{row}] + 1)]")
    size = canvas.size
    at = (round(x - size["width"] / 2), round(y - size["height"] / 2))
    ActionChains(browser).move_to_element_with_offset(canvas, *at).click().perform()
    settled(browser, "page.selected !== null && document.getElementById('carried').textContent !== ''")
    chosen = look(browser, "page.selected.row")
    assert look(browser, f"page.places[0][{chosen}] === page.places[0][{row}]")
    text = browser.find_element(By.ID, "event").text
    for word in ("deliver", "sent as", "took", "happened before it", "Why:", "simclock replay raft-kv --seed 7"):
        assert word in text
    assert json.loads(look(browser, "document.getElementById('carried').textContent"))["type"]
    lit = look(browser, "[...Array(page.runs[0].count).keys()].filter((row) => page.light.side(row) === -1).length")
    assert lit == look(browser, "page.light.sizes()[0]") + 1
    assert complaints(browser) == []


def test_the_past_is_what_an_independent_walk_finds(browser: Any, raft: Path) -> None:
    """Against the definition, over the columns: predecessors on the node and sends, transitively."""
    opened(browser, raft)
    row = look(browser, "page.runs[0].count") // 2
    page_past = look(browser, f"(page.choose(page.runs[0], {row}), Array.from(page.light.past))")
    node, other, what = (look(browser, f"Array.from(page.runs[0].{name})") for name in ("node", "other", "what"))
    before: dict[int, int] = {}
    previous = []
    for each, where in enumerate(node):
        previous.append(before.get(where, -1))
        before[where] = each
    found, waiting = set(), [row]
    while waiting:
        each = waiting.pop()
        if each < 0 or each in found:
            continue
        found.add(each)
        waiting += [previous[each], other[each] if what[each] == 1 else -1]
    begin = look(browser, "Array.from(page.runs[0].begin)")
    counted = [sum(node[each] + 1 == lane for each in found) for lane in range(len(begin) - 1)]
    assert [end - start for start, end in zip(begin, page_past, strict=False)] == counted


def test_why_is_what_the_terminal_says(browser: Any, raft: Path) -> None:
    """The chain of causes, event by event, against `simclock why`'s."""
    source = find_source("raft-kv")
    settings = replace(source.settings, seed=7, duration_ns=seconds(1))
    execution = see(replace(source, settings=settings).scenario(), "raft").execution
    opened(browser, raft)
    found = browser.execute_script(
        "const run = simclockPage.runs[0], found = [];"
        "for (let row = 0; row < run.count; row += 7)"
        "  found.push(chainOf(run, row).reverse().map((each) => run.eventName(each)));"
        "return found;"
    )
    assert len(found) > 300
    for names in found:
        assert names == [execution.id(event) for event in chain(execution, execution.find(names[0]))]


def test_keys_alone_suffice(browser: Any, raft: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, raft)
    press(browser, ".")
    settled(browser, "page.selected !== null")
    first = look(browser, "page.selected.row")
    press(browser, ".")
    assert look(browser, "page.runs[0].beside(page.selected.row, -1)") == first
    press(browser, ",")
    assert look(browser, "page.selected.row") == first
    node = look(browser, "page.runs[0].node[page.selected.row]")
    press(browser, Keys.ARROW_DOWN)
    assert look(browser, "page.runs[0].node[page.selected.row]") > node
    wide = look(browser, "page.view.right - page.view.left")
    press(browser, "+++")
    assert look(browser, "page.view.right - page.view.left") < wide / 2
    left = look(browser, "page.view.left")
    press(browser, Keys.ARROW_RIGHT)
    assert look(browser, "page.view.left") > left
    press(browser, "/")
    assert look(browser, "document.activeElement.id") == "find"
    press(browser, "RequestVote" + Keys.ENTER)
    settled(
        browser, "page.selected && page.runs[0].form.labels[page.runs[0].label[page.selected.row]] === 'RequestVote'"
    )
    press(browser, Keys.ESCAPE)
    press(browser, "m")
    assert "RequestVote" in look(browser, "document.getElementById('told').textContent")
    press(browser, "lw")
    assert look(browser, "[page.light, page.chain.length]") == [None, 0]
    press(browser, Keys.ESCAPE)
    assert look(browser, "page.selected") is None
    assert complaints(browser) == []


def test_mouse_and_fingers_pan_and_zoom(browser: Any, raft: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.by import By

    opened(browser, raft)
    canvas = browser.find_element(By.ID, "run-0")
    wide, left = (look(browser, each) for each in ("page.view.right - page.view.left", "page.view.left"))
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, -300).perform()
    settled(browser, f"page.view.right - page.view.left < {wide} / 1.5")
    left = look(browser, "page.view.left")
    ActionChains(browser).drag_and_drop_by_offset(canvas, -200, 0).perform()
    assert look(browser, "page.view.left") > left
    assert look(browser, "page.selected") is None, "a drag is no click"
    wide = look(browser, "page.view.right - page.view.left")
    x, y = look(browser, "(({x, y}) => [x + 400, y + 60])(document.getElementById('run-0').getBoundingClientRect())")
    for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 120), ("touchEnd", 0)):
        points = [{"x": x + side * apart, "y": y, "id": side + 1} for side in (-1, 1)] if apart else []
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    settled(browser, f"page.view.right - page.view.left < {wide} / 2")
    assert complaints(browser) == []


def test_a_click_on_a_bar_tells_its_operation(browser: Any, raft: Path) -> None:
    opened(browser, raft)
    x, y = look(
        browser,
        "((bars, bar) => [page.pictures[0].xOf(bar.from) + 1, 16 + (bars.line.get(bar.process) + 0.5) * bars.high])"
        "(page.bars, page.bars.run.form.bars[0])",
    )
    browser.execute_script(
        "document.getElementById('bars').dispatchEvent(new PointerEvent('pointerup', {clientX: 0, clientY: 0}));"
        "const box = document.getElementById('bars').getBoundingClientRect();"
        "document.getElementById('bars').dispatchEvent(new PointerEvent('pointerup',"
        f" {{clientX: box.x + {x}, clientY: box.y + {y}}}));"
    )
    assert look(browser, "document.getElementById('told').textContent").startswith("process ")
    assert look(browser, "page.bars.chosen === page.bars.run.form.bars[0]")


def test_the_address_keeps_what_one_looks_at(browser: Any, raft: Path) -> None:
    opened(browser, raft, "#t=100000000,300000000&e=0:1%234&no-nodes=5&no-kinds=3&no-types=progress&find=vote&quiet=1")
    kept = (
        "[page.runs[0].eventName(page.selected.row), [...page.choice.hiddenNodes], [...page.choice.hiddenKinds], "
        "[...page.choice.hiddenLabels], page.choice.words, page.choice.collapsed]"
    )
    assert look(browser, kept) == ["1#4", [5], [3], ["progress"], "vote", True]
    press(browser, "+")
    settled(browser, "location.hash === `#${page.address()}`")
    address = look(browser, "location.hash")
    times = look(browser, "[page.view.left, page.view.right]")
    opened(browser, raft, address)
    assert look(browser, kept) == ["1#4", [5], [3], ["progress"], "vote", True]
    assert look(browser, "[page.view.left, page.view.right]") == pytest.approx(times, abs=1000)


def test_what_is_hidden_is_not_drawn_and_messages_go_through_it_dashed(browser: Any, raft: Path) -> None:
    opened(browser, raft, "#t=300000000,400000000")
    browser.execute_script(
        "window.dashed = 0; const draw = Picture.prototype.arrow;"
        "Picture.prototype.arrow = function (a, b, dashed) {"
        "  window.dashed += dashed; return draw.call(this, a, b, dashed); };"
    )
    leader = look(
        browser,
        "page.runs[0].node[page.runs[0].tracks[0].rows[page.runs[0].tracks[0].state.indexOf("
        "page.runs[0].tracks[0].states.indexOf('leader'))]]",
    )
    browser.execute_script(
        f"document.querySelector('[data-of=nodes] input[data-value=\"{leader}\"]').click(); simclockPage.drawNow();"
    )
    assert look(browser, f"page.pictures[0].slot[{leader} + 1]") == -1
    assert look(browser, "window.dashed") > 0
    browser.execute_script("document.querySelector('[data-of=kinds] .link:last-of-type').click()")
    assert look(browser, "page.shown[0].reduce((a, b) => a + b, 0)") == 0


def test_quiet_stretches_are_collapsed(browser: Any, raft: Path) -> None:
    opened(browser, raft, "#find=leader&only=1")
    settled(browser, "page.found[0].count > 0")
    before = look(browser, "page.scale.length")
    press(browser, "c")
    assert look(browser, "page.scale.quiet.length") > 0
    assert look(browser, "page.scale.length") < before / 2
    places = look(browser, "Array.from(page.places[0])")
    assert places == sorted(places), "time still goes from left to right"
    assert look(browser, "page.scale.time(page.scale.place(2.5e8))") == pytest.approx(2.5e8)


def test_dark_and_small(browser: Any, raft: Path) -> None:
    opened(browser, raft)
    browser.execute_script(
        "document.documentElement.dataset.theme !== 'dark' && document.getElementById('theme').click()"
    )
    settled(browser, "page.frames.length > 1")
    look(browser, "page.drawNow()")
    assert browser.execute_script(COLOURS)["#16181b"] > 10_000, "the ground"
    browser.set_window_size(500, 800)
    try:
        settled(browser, "document.getElementById('run-0').clientWidth < 520")
        look(browser, "page.drawNow()")
        assert look(browser, "document.getElementById('run-0').clientHeight") > 50
    finally:
        browser.set_window_size(1400, 850)
    assert complaints(browser) == []


NASTY = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"


def test_texts_of_a_run_are_shown_and_never_obeyed(browser: Any, tmp_path: Path) -> None:
    records = [
        TraceRecord(0, 0, 0, "start", -1, 0, 0, None),
        TraceRecord(5, 0, 1, "observe", 0, 1, 0, (NASTY, NASTY)),
        TraceRecord(6, 0, 2, "send", 0, 2, 1, {"type": NASTY, NASTY: NASTY}, "", 8),
        TraceRecord(8, 1, 0, "drop", 0, 2, 1, {"type": NASTY, NASTY: NASTY}, NASTY),
    ]
    collector = Collector()
    for record in records:
        collector.take(record)
    file = tmp_path / "nasty.html"
    seen = collector.seen(NASTY, None, report=[(NASTY, NASTY)], command=NASTY)
    file.write_text(page(NASTY, [seen]), encoding="utf-8")
    opened(browser, file)
    for row in range(len(records)):
        browser.execute_async_script(f"simclockPage.choose(simclockPage.runs[0], {row}); setTimeout(arguments[0], 50)")
    assert browser.execute_script("return window.broken") is None
    assert browser.title == NASTY
    assert complaints(browser) == []


def test_two_runs_stand_above_each_other_where_they_part(browser: Any, tmp_path: Path) -> None:
    out = tmp_path / "two.html"
    done = CliRunner().invoke(main, ["view", "raft-hunt@1", "raft-hunt@2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    opened(browser, out)
    rows = json.loads(dict(data_of(out.read_text(encoding="utf-8")))["about-runs"])["parting"]["rows"]
    xs = look(browser, f"page.runs.map((run, i) => page.pictures[i].xOfRow({rows}[i]))")
    assert xs[0] == pytest.approx(xs[1])
    press(browser, "v")
    settled(browser, "page.selected !== null")
    assert look(browser, "page.selected.row") in rows
    assert complaints(browser) == []


def a_million(count: int) -> Seen:
    """The page of a made-up run of seven nodes that talk all the time."""
    luck, collector = Random(1), Collector()
    numbers, own, now_ns, made = [0] * 7, [0] * 7, 0, 0
    flying: list[tuple[int, int, int, int, Any]] = []

    def take(what: str, *, node: int, sequence: int, target: int, detail: Any, arrives: int | None = None) -> None:
        where = target if what == "deliver" else node
        record = TraceRecord(now_ns, where, numbers[where], what, node, sequence, target, detail, "", arrives)
        collector.take(record)
        numbers[where] += 1

    while made < count:
        now_ns += luck.randrange(1000, 100_000)
        made += 1
        if len(flying) > 20:
            _, source, sequence, target, message = flying.pop(0)
            take("deliver", node=source, sequence=sequence, target=target, detail=message)
            continue
        node = luck.randrange(7)
        own[node] += 1
        if luck.random() < 0.1:
            name = "leader" if luck.random() < 0.01 else "progress"
            take("observe", node=node, sequence=own[node], target=node, detail=[name, made])
            continue
        target, message = luck.randrange(7), {"type": f"Kind{made % 5}", "index": made, "term": now_ns // 10**9}
        take("send", node=node, sequence=own[node], target=target, detail=message, arrives=now_ns + 10**6)
        flying.append((now_ns, node, own[node], target, message))
    return collector.seen("a million", None)


@pytest.mark.slow
def test_a_million_events_are_drawn(browser: Any, tmp_path: Path, record_property: Any) -> None:
    """What it took is printed (pytest -s) and not asserted: nobody knows what else the machine does."""
    file = tmp_path / "million.html"
    file.write_text(page("a million", [a_million(1_000_000)]), encoding="utf-8")
    opened(browser, file)
    assert complaints(browser) == []
    frames = browser.execute_async_script(
        """
        const done = arguments[0], page = window.simclockPage, gaps = [];
        let last = performance.now(), count = 0;
        page.view.zoom(0.8, 0.5);
        const step = (now) => {
          gaps.push(performance.now() - last);
          last = performance.now();
          page.view.pan(count % 20 < 10 ? 0.02 : -0.02);
          page.draw();
          if (++count < 60) requestAnimationFrame(step); else done(gaps.slice(2));
        };
        requestAnimationFrame(step);
        """
    )
    first = int(look(browser, "document.documentElement.dataset.ready"))
    measured = {
        "bytes": file.stat().st_size,
        "first_picture_ms": first,
        "frame_ms_min": round(min(frames)),
        "frame_ms_median": round(sorted(frames)[len(frames) // 2]),
        "frame_ms_max": round(max(frames)),
    }
    for name, value in measured.items():
        record_property(name, value)
    print(f"\na million events: {measured}")
    assert look(browser, "page.runs[0].count") == 1_000_000
    assert look(browser, "page.pictures[0].single") is False
    look(browser, "page.choose(page.runs[0], 500000)")
    before, after = look(browser, "page.light.sizes()")
    assert before > 490_000
    assert after > 490_000
    press(browser, "+" * 30)
    assert look(browser, "(page.drawNow(), page.pictures[0].single)") is True
    assert file.stat().st_size < 25_000_000

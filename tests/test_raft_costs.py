"""What Raft costs, as studies, metrics and a part of the bench: what they measure follows from the protocol."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import Control, UsageError, ms
from simclock.actors import run
from simclock.experiments.bench import parts
from simclock.experiments.bench.raft import measure_raft
from simclock.experiments.catalog import entries, studies
from simclock.experiments.catalog.raft_costs import catch_up, compaction
from simclock.experiments.catalog.raft_costs.metered import metered_scenario
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import StudySettings
from simclock.kernel.mail import Observation
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftMetrics, RaftServer, RaftSettings
from simclock.protocols.raft.observed import Candidate, Configured, Follower, Leader, Progressed
from simclock.protocols.replication import Sessions
from simclock.protocols.replication.observed import CommitIndex


def measured(name, seed=1, **asked):
    study = studies()[name]
    rows = list(study.rows(StudySettings(seed=seed, parameters={**study.parameters, **asked})))
    assert all(len(row) == len(study.headers) for row in rows) and all(study.notes(rows))
    return rows


# Catching up.


def test_a_log_costs_what_was_missed_and_a_snapshot_what_there_is():
    """Chapter 5: a follower that was away for 3,000 puts on 20 keys, and on 2,000."""
    rows = measured("raft-catch-up", entries=3000, many=2000)
    sent = {(keys, way): messages_bytes for _, keys, way, _, messages_bytes, _, _ in rows}
    small, large, chunked, whole = (way.name for way in catch_up.WAYS)
    assert sent[20, chunked] < sent[20, small] / 5, "the log has every put"
    assert sent[2000, chunked] > 2 * sent[20, chunked], "the snapshot has every key"
    assert 0.9 < sent[2000, small] / sent[20, small] < 1.1, "a log does not care how many keys there are"
    took = {way: took_ms for _, keys, way, *_, took_ms in rows if keys == 20}
    assert took[large] < took[small] / 2, "round trips decide"
    messages = {way: count for _, keys, way, count, *_ in rows if keys == 2000}
    assert messages[chunked] >= messages[whole]


def test_the_log_sends_each_entry_once():
    """An entry's own bytes are a lower bound; a fifth more is what messages around them may take."""
    scenario = catch_up.catch_up_scenario(catch_up.WAYS[1], seed=1, entries=2000, keys=10, sync_ns=0)
    result = run(scenario)
    kinds = result.final[catch_up.LEADER]
    assert set(kinds) == {"AppendEntries"}
    command = catch_up.encode_command(catch_up.Command("put", "k1", "value 1999"))
    assert 2000 * len(command) < kinds["AppendEntries"].bytes < 2000 * (len(command) + 60)


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("raft-reads", {"lasts": "1s"}, "lasts: 1s is too short"),
        ("raft-compaction", {"lasts": "1ms"}, "too short to elect a leader"),
        ("raft-elections", {"lasts": "1500ms"}, "lasts: 1500ms is too short"),
    ],
)
def test_what_cannot_be_measured_is_told(name, asked, says):
    with pytest.raises(UsageError, match=says):
        measured(name, **asked)


def test_bad_input_is_one_line():
    done = CliRunner().invoke(main, ["study", "raft-reads", "--set", "lasts=soon"])
    assert done.exit_code == 2 and "lasts" in done.output and "Traceback" not in done.output


# Compaction.


def test_compaction_bounds_a_log_that_grows_without():
    rows = measured("raft-compaction", lasts="5s", every=50)
    without = [row for row in rows if row[0] == "never"]
    with_it = [row for row in rows if row[0] == 50]
    assert len(without) == len(with_it) == compaction.SAMPLES
    assert without[-1][3] >= without[-1][2] > 3 * without[0][2] and max(row[3] for row in with_it) < 50 + 10
    assert without[-1][4] > 3 * with_it[-1][4]


# Reads.


@pytest.mark.slow
def test_reads_by_lease_are_cheaper_than_by_index_than_by_the_log():
    """6.4: two journeys; four; four and the syncs."""
    rows = {(load, way): rest for load, way, *rest in measured("raft-reads", lasts="3s")}
    for load in (3, 96):
        log, index, lease = (rows[load, way] for way in ("log", "index", "lease"))
        assert lease[1] < index[1] < log[1], "median"
        assert lease[4] < index[4] < log[4], "bytes a read"
    assert 2 <= rows[96, "lease"][3] < 2.1, "the client's request and answer, and few heartbeats"
    assert rows[96, "index"][3] < rows[3, "index"][3] / 2, "one round answers all that wait"


# Elections and batches.


@pytest.mark.slow
def test_pre_votes_spare_the_elections_of_who_comes_back():
    rows = {(network, way): rest for network, way, *rest in measured("raft-elections", lasts="8s")}
    assert rows["flapping", "neither"][0] > 2 * rows["flapping", "both"][0]
    assert rows["half-connected", "neither"][1] > 3 * rows["half-connected", "both"][1]
    assert rows["half-connected", "neither"][3] < rows["half-connected", "both"][3], "operations"


@pytest.mark.slow
def test_batches_save_messages_between_servers():
    rows = {batch: rest for batch, *rest in measured("raft-batching", lasts="3s", processes=8)}
    assert rows["0s"][4] > 4 > rows["1ms"][4] > rows["20ms"][4]
    assert rows["20ms"][3] - rows["20ms"][4] == pytest.approx(2, abs=0.1), "the client's two"


# Metrics.


def test_metrics_stand_in_reports_and_change_no_run():
    entry = entries()["raft-kv"]
    scenario = make_scenario(entry, Settings(seed=1))
    result = run(scenario)
    told = entry.reports(result)
    metrics, properties = told["RaftMetrics"], told["RaftProperties"]
    for name in ("term", "elections", "leaders"):
        assert metrics[name] == properties[name]
    assert metrics["commit_index"] == properties["committed"]
    assert set(metrics["match_index"]) == {f"member {node}" for node in range(3) if node != metrics["leader"]}
    assert 0 < max(metrics["match_index"].values()) <= metrics["commit_index"] + 10
    assert told["Messages"]["sent_per_second"] == round(result.counters["sent"] / 5, 1)
    labels = dict(entry.describe(result))
    assert f"node {metrics['leader']} leads" in labels["at the end"] and "an entry" in labels["message rate"]


class Feed:
    """Observations given by hand."""

    def __init__(self):
        self.metrics = RaftMetrics((0, 1, 2))

    def tell(self, node, told, time_ns=0):
        observation = Observation(time_ns, node, 0, told.observed_as, told.as_observed())
        self.metrics.on_observation(observation, Control(1))


def test_metrics_are_of_the_last_leader():
    feed = Feed()
    feed.tell(0, Candidate(1))
    feed.tell(0, Leader(1))
    feed.tell(0, Progressed(1, 5, 6))
    feed.tell(0, CommitIndex(5), ms(1))
    feed.tell(0, Progressed(2, 2, 3))
    feed.tell(0, CommitIndex(9), ms(4))
    feed.tell(1, CommitIndex(9), ms(40))
    report = feed.metrics.report()
    assert report["match_index"] == {"member 1": 5, "member 2": 2}
    assert (report["commit_index"], report["lag_max"], report["commit_gap_ns_max"]) == (9, 7, ms(3))
    feed.tell(0, Configured(10, (0, 1), (), ()))
    assert feed.metrics.report()["match_index"] == {"member 1": 5}
    feed.tell(0, Follower(2))
    assert feed.metrics.report()["leader"] is None
    feed.tell(2, Candidate(2))
    feed.tell(2, Leader(2))
    feed.tell(0, Progressed(1, 8, 9))
    report = feed.metrics.report()
    assert (report["leader"], report["term"], report["elections"]) == (2, 2, 2) and not report["match_index"]


# The bench. No test asserts a wall time.


def test_the_bench_measures_catch_up_and_memory():
    rows = list(measure_raft(2000, 1, 1))
    assert [row.unit for row in rows] == ["s"] * 2 + ["MB"] * 4
    assert all(row.ours > 0 and row.other for row in rows[:2])
    assert "raft" in parts.PARTS and parts.Sizes().raft[0] == 100_000


def test_counting_changes_no_run():
    raft, workload = RaftSettings(servers=(0, 1, 2)), Workload()
    counted = metered_scenario(raft, workload, 3, {"lasts": "2s", "sync": "0s"})

    def build(node):
        return RaftServer(raft, Sessions(KeyValueStore())) if node < 3 else Client(raft.servers, workload)

    assert run(replace(counted, build=build, final=None)).digest == run(counted).digest

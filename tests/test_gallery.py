"""The gallery that stands in docs is what its command writes; each page of a project shows a picture of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from simclock.experiments.catalog import topics
from simclock.experiments.command_line import main
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

DOCS = Path(__file__).resolve().parent.parent / "docs"
GALLERY = DOCS / "gallery"
PAGES = sorted([*DOCS.glob("project-*.md"), DOCS / "raft.md", DOCS / "multi-paxos.md"])


@pytest.mark.slow
def test_the_command_writes_what_stands(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["gallery", "--out", str(tmp_path)])
    assert told.exit_code == 0
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    standing = {file.name: file.read_bytes() for file in GALLERY.iterdir()}
    assert sorted(written) == sorted(standing), "run `simclock gallery`"
    assert [name for name in written if written[name] != standing[name]] == [], "run `simclock gallery`"
    assert set(standing) == {"README.md", *(f"{topic.name}.svg" for topic in topics() if topic.entries)}


def test_a_picture_is_drawn_alone_by_the_command_beside_it() -> None:
    page = (GALLERY / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"\((\w+)\.svg\)\n\n`simclock (.*)`", page)
    assert len(sections) == page.count("\n## ")
    for name, command in sections:
        if name in ("raft", "snapshots", "clock_synchronization"):
            drawn = CliRunner().invoke(main, shlex.split(command)).stdout
            assert drawn == (GALLERY / f"{name}.svg").read_text(encoding="utf-8"), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_a_picture(page: Path) -> None:
    shown = re.findall(r"!\[(.+?)\]\(gallery/(\w+\.svg)\)", page.read_text(encoding="utf-8"))
    assert shown
    for caption, name in shown:
        assert (GALLERY / name).exists() and f"![{caption}]({name})" in (GALLERY / "README.md").read_text("utf-8")


def test_a_picture_of_another_topics_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="is no scenario of its own"):
        Topic(name="none", shot=Shot(scenario="raft-kv", caption="", to_ns=1))

"""What several tests share: the external data, and `--rewrite` for golden files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("simclock", deadline=None)  # no test depends on how fast the machine is
settings.load_profile("simclock")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="regenerate golden files instead of comparing")


@pytest.fixture(scope="session")
def rewrite(request: pytest.FixtureRequest) -> bool:
    """True where golden files are to be regenerated, not compared."""
    return bool(request.config.getoption("--rewrite"))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """The folder of data from other projects; its tests carry the marker `external`, and skip without it."""
    folder = Path(os.environ.get("SIMCLOCK_EXTERNAL_DATA") or ROOT / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no external data: {folder} is not a folder (SIMCLOCK_EXTERNAL_DATA names another)")
    return folder


@pytest.fixture(scope="session")
def ray() -> Iterator[None]:
    """A local Ray that all tests of a run share."""
    from actors.ray_placement import ray_session

    with ray_session():
        yield

"""How the command `simclock` begins: first under one hash seed (`hash_seeded`), then with all that it needs."""

from __future__ import annotations

from simclock.experiments.hash_seeded import under_one_hash_seed


def main() -> None:
    """The console script."""
    under_one_hash_seed()
    from simclock.experiments.command_line import main

    main()

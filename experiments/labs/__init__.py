"""Labs: exercises of a public curriculum whose output has a known SHA-256, run by this project's kernel and protocols.

A lab gives its timing, formulas, workload and dump format as the configuration of a scenario; nothing here orders,
draws or delivers by itself. So a hash that matches says that the kernel orders and serializes as others do, and it must
match on every placement.
"""

from simclock.experiments.labs.db16 import run_db16
from simclock.experiments.labs.db17 import run_db17
from simclock.experiments.labs.db18 import run_db18
from simclock.experiments.labs.db19 import run_db19
from simclock.experiments.labs.db20 import run_db20
from simclock.experiments.labs.db23 import run_db23

__all__ = ["run_db16", "run_db17", "run_db18", "run_db19", "run_db20", "run_db23"]

"""What the machines of a cluster lack of simclock, and how they get it: through Ray's runtime environment.

Every machine is asked, by a task that needs nothing of ours, whether it finds simclock, the same as here to the byte,
and the packages that simclock stands on. What one lacks all get: simclock is plain Python and fits every platform; the
packages come by pip, in the versions that are here.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from simclock.machinery import PACKAGE, ROOT

NEEDED = ("click", "cloudpickle", "msgspec", "tabulate", "tomli_w", "tqdm")
"""What simclock imports, beside Ray."""
ASK_TIMEOUT_S = 60
"""A machine that has not said by then what it lacks is taken to lack nothing."""

_LACKS = '''
def lacks(package, needed):
    """Which of the needed packages are not to be found here, and a hash of the package's own code; "" without it."""
    import hashlib, importlib.util, os
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return missing, ""
    root = found.submodule_search_locations[0]
    files = []
    for folder, _, names in os.walk(root, followlinks=True):
        files += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    code = hashlib.blake2b(digest_size=16)
    for path in sorted(files):
        with open(path, "rb") as file:
            code.update(os.path.relpath(path, root).encode() + b"\\0" + file.read() + b"\\0")
    return missing, code.hexdigest()
'''
"""As text: what is defined in a module of ours would be looked for in that module, on a machine that has none."""


def missing_on(ray: Any) -> dict[str, Any]:
    """The runtime environment that gives the machines of the cluster we have joined what one of them lacks."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(_LACKS, names)
    lacks = names["lacks"]
    asked = []
    for node in ray.nodes():
        if node["Alive"]:
            there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked.append(ray.remote(num_cpus=0, max_retries=0)(lacks).options(scheduling_strategy=there))
    refs = [task.remote(PACKAGE, NEEDED) for task in asked]
    ready, _ = ray.wait(refs, num_returns=len(refs), timeout=ASK_TIMEOUT_S)
    _, ours = lacks(PACKAGE, ())
    environment: dict[str, Any] = {}
    packages: set[str] = set()
    for ref in ready:
        try:
            missing, code = ray.get(ref)
        except ray.exceptions.RayError:  # the machine has just gone
            continue
        packages.update(missing)
        if code != ours:
            environment = {"py_modules": [str(ROOT)], "excludes": ["__pycache__"]}
    if packages:
        environment["pip"] = [f"{name}=={version(name)}" for name in sorted(packages)]
    return environment

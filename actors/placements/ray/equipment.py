"""What the machines of a cluster lack of simclock, and how they get it: through Ray's runtime environment.

Every machine is asked, by a task that needs nothing of ours, whether it finds simclock, the same as here to the byte,
and the packages that simclock stands on. What one lacks all get: our code, which is plain Python and fits every
platform, by way of the cluster's store; the packages by pip, in the versions that are here, where Ray can install them.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from typing import Any

from simclock.errors import UsageError
from simclock.machinery import PACKAGE, ROOT

NEEDED = ("click", "cloudpickle", "msgspec", "tabulate", "tomli_w", "tqdm")
"""What simclock imports, beside Ray."""
INSTALLER = "virtualenv"
"""What Ray installs packages with."""
ASK_TIMEOUT_S = 60
"""A machine that has not said by then what it lacks is taken to lack nothing."""

LACKS = '''
def lacks(package, needed):
    """Which of the needed packages are not to be found here, and a hash of the package's own code; "" without it."""
    import hashlib, importlib.util, os
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return missing, ""
    root = list(found.submodule_search_locations)[0]
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


def runtime_environment(ray: Any, address: str) -> dict[str, Any]:
    """What gives the machines of the cluster, which we have joined, what one of them lacks; empty where none does.

    Raises UsageError where they lack what Ray cannot install there.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(LACKS, names)
    lacks = names["lacks"]
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    task = ray.remote(num_cpus=0, max_retries=0)(lacks)
    refs = [
        task.options(scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(PACKAGE, (*NEEDED, INSTALLER))
        for node in ray.nodes()
        if node["Alive"]
    ]
    ready, _ = ray.wait(refs, num_returns=len(refs), timeout=ASK_TIMEOUT_S)
    _, ours = lacks(PACKAGE, ())
    packages: set[str] = set()
    same = True
    for ref in ready:
        try:
            missing, code = ray.get(ref)
        except ray.exceptions.RayError:  # the machine has just gone
            continue
        packages.update(missing)
        same = same and code == ours
    installs = INSTALLER not in packages
    wanted = [f"{name}=={version(name)}" for name in NEEDED if name in packages]
    if wanted and not installs:
        raise UsageError(
            f"address: machines of the Ray at {address} lack what simclock stands on, and Ray cannot install it "
            f"without {INSTALLER}: run `pip install {' '.join(wanted)}` on each"
        )
    environment = {} if same else _our_code(ray)
    return {**environment, "pip": wanted} if wanted else environment


def _our_code(ray: Any) -> dict[str, Any]:
    """Our code, put into the cluster's store. Ray does that itself only for a driver in whose folders workers look for
    modules before all others, which they must not here."""
    upload = ray._private.runtime_env.py_modules.upload_py_modules_if_needed
    with tempfile.TemporaryDirectory(prefix="simclock-") as scratch:
        environment = {"py_modules": [str(ROOT)], "excludes": ["__pycache__"]}
        return {"py_modules": upload(environment, include_gitignore=False, scratch_dir=scratch)["py_modules"]}

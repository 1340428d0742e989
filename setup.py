"""Builds the compiled kernel, which is optional: without Cython or a C compiler the plain one does the same."""

from hashlib import blake2b
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("simclock", "kernel")
SOURCES = ("_kernel.pyx", "_encoding.pxi", "_generator.pxi", "_queue.pxi", "_blake2b.h")
"""As in simclock/kernel/core.py, which refuses what was built from others."""


def built_from() -> str:
    """A hash of the sources, which the compiled kernel carries."""
    made = blake2b(digest_size=16)
    for name in SOURCES:
        made.update((FOLDER / name).read_bytes())
    return made.hexdigest()


try:
    from Cython.Build import cythonize
except ImportError:
    setup()
else:
    kernel = Extension(
        "simclock.kernel._compiled",
        [str(FOLDER / SOURCES[0])],
        depends=[str(FOLDER / name) for name in SOURCES],
        include_dirs=[str(FOLDER)],
        define_macros=[("SIMCLOCK_BUILT_FROM", f'"{built_from()}"')],
    )
    (made,) = cythonize([kernel], build_dir="build")
    made.optional = True  # cythonize forgets it
    setup(ext_modules=[made])

"""Compiles the hot loops when the package is built; plain Python stays where that cannot be.

The modules listed under `ext-modules` in pyproject.toml are ordinary Python; the `.pxd` file beside each gives Cython
the C types. `IPIPSCOPE_COMPILE` picks the build: `auto` (the default: compile, fall back to plain Python when that
fails), `skip` (plain Python) or `require` (a failure to compile fails the build).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools.command.build_ext import build_ext

DIRECTIVES = {
    "annotation_typing": False,  # annotations speak to mypy, the .pxd files to C
    "boundscheck": True,  # hostile octets may raise, never read past the buffer
    "cdivision": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}


class CompileHotLoops(build_ext):
    """Cython first, then the C compiler; both may be missing unless IPIPSCOPE_COMPILE=require."""

    def run(self) -> None:
        choice = os.environ.get("IPIPSCOPE_COMPILE", "auto")
        if choice not in {"auto", "skip", "require"}:
            raise SystemExit(f"IPIPSCOPE_COMPILE={choice}: use auto, skip or require")
        if choice == "skip":
            self.extensions = []
            return
        try:
            self._translate()
            for extension in self.extensions:
                extension.optional = False
            super().run()
        except Exception as failure:
            if choice == "require":
                raise
            sys.stderr.write(f"ipipscope: not compiled ({failure}); plain Python is slower\n")
            self.extensions = []

    def _translate(self) -> None:
        """Put C sources in place of the Python ones."""
        from Cython.Build import cythonize  # noqa: PLC0415  (needed by the build alone)

        translated = cythonize(self.extensions, compiler_directives=DIRECTIVES, build_dir="build/cython")
        for extension, result in zip(self.extensions, translated, strict=True):
            extension.sources = result.sources
            # Left to itself, the compiler finds the loops too long to put the reading of a number into them.
            extension.extra_compile_args = ["-O3", "-DCYTHON_INLINE=__inline__ __attribute__((always_inline))"]

    def get_outputs(self) -> list[str]:
        # What did not compile has no output to install.
        return [path for path in super().get_outputs() if Path(path).exists()]

"""Build backend: setuptools, plus the hot loops compiled where a C compiler is at hand.

The modules named in `[tool.ipipscope] compiled` of pyproject.toml are ordinary Python; the `.pxd` file beside each
gives Cython the C types. `IPIPSCOPE_COMPILE` picks the build: `auto` (the default: compile, fall back to plain Python
when that fails), `skip` (plain Python) or `require` (a failure to compile fails the build).
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from setuptools import build_meta as _setuptools
from setuptools.command import build_ext as _build_ext
from setuptools.dist import Distribution

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVES = {
    "annotation_typing": False,  # annotations speak to mypy, the .pxd files to C
    "boundscheck": True,  # hostile octets may raise, never read past the buffer
    "cdivision": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}


def _choice() -> str:
    choice = os.environ.get("IPIPSCOPE_COMPILE", "auto")
    if choice not in {"auto", "skip", "require"}:
        raise SystemExit(f"IPIPSCOPE_COMPILE={choice}: use auto, skip or require")
    return choice


class _Compile(_build_ext.build_ext):
    """Compiles the hot loops; without a compiler the plain modules stay, which give the same results, slower."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as failure:
            if _choice() == "require":
                raise
            print(f"ipipscope: not compiled ({failure}); the plain Python build is slower", file=sys.stderr)
            self.extensions = []

    def get_outputs(self) -> list[str]:
        return [path for path in super().get_outputs() if Path(path).exists()]


def _extensions() -> list[Any]:
    if _choice() == "skip":
        return []
    try:
        from Cython.Build import cythonize  # noqa: PLC0415  (a build requirement, absent at run time)
    except ImportError:
        if _choice() == "require":
            raise
        return []
    from setuptools import Extension  # noqa: PLC0415

    modules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ipipscope"]["compiled"]
    extensions = [
        Extension(name, [name.replace(".", "/") + ".py"], extra_compile_args=["-O3"], optional=_choice() == "auto")
        for name in modules
    ]
    return list(cythonize(extensions, compiler_directives=DIRECTIVES, build_dir="build/cython"))


class _WithExtensions:
    """Hands the extensions to setuptools, which takes them from no static file."""

    def __enter__(self) -> None:
        self._finalize = Distribution.finalize_options
        original = self._finalize

        def finalize_options(distribution: Distribution) -> None:
            if not distribution.ext_modules:
                distribution.ext_modules = _extensions()
                distribution.cmdclass.setdefault("build_ext", _Compile)
            original(distribution)

        Distribution.finalize_options = finalize_options  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Distribution.finalize_options = self._finalize  # type: ignore[method-assign]


def build_wheel(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    with _WithExtensions():
        return _setuptools.build_wheel(directory, settings, metadata)


def build_editable(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    with _WithExtensions():
        return _setuptools.build_editable(directory, settings, metadata)


build_sdist = _setuptools.build_sdist
get_requires_for_build_wheel = _setuptools.get_requires_for_build_wheel
get_requires_for_build_editable = _setuptools.get_requires_for_build_editable
get_requires_for_build_sdist = _setuptools.get_requires_for_build_sdist
prepare_metadata_for_build_wheel = _setuptools.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = _setuptools.prepare_metadata_for_build_editable

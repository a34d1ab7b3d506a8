"""Where the material of others is, and both builds of the compiled modules.

Third-party captures with expectations (`corpus`) and captures of a real kernel with their truth lie in `../shared`
beside the checkout, the shipped ones of the latter in `captures/`; tests that need what is not there are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

import ipipscope.capture.pcap
import ipipscope.capture.pcapng
from ipipscope.capture.files import CaptureFile
from ipipscope.decoder import unwrap as installed_unwrap
from ipipscope.decoder.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
CORPUS = SHARED / "corpus"
KERNEL_CASES = (SHARED / "captures", ROOT / "captures")
ABSENT = "not at hand"
TIERS = ("exact", "container", "robust")

# Reports are read in English here, whatever the developer's own language is.
os.environ.pop("LANGUAGE", None)
os.environ["LC_MESSAGES"] = "C"
os.environ["LANG"] = os.environ.pop("LC_ALL", "") or os.environ.get("LANG") or "C"

# A busy machine is no failure. CI asks the same questions each time: a chance find belongs to whoever is at work.
settings.register_profile("untimed", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("untimed")


@dataclass(frozen=True)
class Row:
    """One frame of a corpus file as tshark showed it: IP layers outermost first, and the ICMP message, if any."""

    frame: int
    protocols: list[str]
    layers: list[tuple[str, str, int]]
    """Source, destination and what comes next, of each IP header outside ICMP quotes."""
    quoted: list[tuple[str, str, int]]
    icmp: dict[str, int]
    """type, code, id, seq as far as tshark printed them; empty where there is no ICMP message."""
    flags: frozenset[str]

    @classmethod
    def parse(cls, line: str) -> Row:
        frame, _, protocols, layers, quoted, icmp, _, flags = line.rstrip("\n").split("\t")
        numbers: dict[str, int] = {}
        if icmp.startswith("icmp "):
            kind, _, rest = icmp.removeprefix("icmp ").partition(" ")
            numbers = dict(zip(("type", "code"), map(int, kind.split("/")), strict=True))
            numbers |= {name: int(value) for name, value in (part.split("=") for part in rest.split()) if value}
        return cls(
            int(frame), protocols.split(":"), cls._layers(layers), cls._layers(quoted), numbers,
            frozenset(flags.replace(",", " ").split()),
        )  # fmt: skip

    @staticmethod
    def _layers(text: str) -> list[tuple[str, str, int]]:
        found = []
        for layer in text.split():
            addresses, _, following = layer.rpartition("/")
            source, _, destination = addresses.partition(">")
            found.append((source, destination, int(following)))
        return found


@dataclass(frozen=True)
class CorpusCase:
    """A third-party capture and what is expected of it (CORPUS.md)."""

    path: Path
    expect: dict[str, Any]

    @property
    def tier(self) -> str:
        return self.expect["tier"]

    @property
    def container(self) -> dict[str, Any]:
        return self.expect["figures"]["container"]

    @property
    def link_types(self) -> set[int]:
        return set(self.container.get("linktypes", [self.container.get("linktype")]))

    @cached_property
    def rows(self) -> list[Row]:
        table = CORPUS / "expect" / f"{self.path.name}.tsv"
        if not table.exists():
            return []
        return [Row.parse(line) for line in table.read_text().splitlines() if not line.startswith("#")]


@dataclass(frozen=True)
class KernelCase:
    """A folder of captures of a real kernel, with the truth about them."""

    folder: Path
    truth: dict[str, Any]


def corpus_cases() -> list[CorpusCase]:
    found = []
    for expectation in sorted((CORPUS / "expect").glob("*.json")):
        expect = json.loads(expectation.read_text())
        found.append(CorpusCase(CORPUS / expect["file"], expect))
    return found


def kernel_cases() -> list[KernelCase]:
    found: dict[str, KernelCase] = {}
    for place in KERNEL_CASES:
        for truth in sorted(place.glob("*/truth.json")):
            found.setdefault(truth.parent.name, KernelCase(truth.parent, json.loads(truth.read_text())))
    return [found[name] for name in sorted(found)]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tiers(*names): which tiers of the corpus a test takes; all when absent")
    config.addinivalue_line("markers", "cases(where): which corpus or kernel cases a test takes; all when absent")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a corpus file for tests that take `corpus_case`, one a folder for those that take `kernel_case`."""
    if "corpus_case" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("tiers")
        tiers = marker.args if marker else TIERS
        taken = [case for case in corpus_cases() if case.tier in tiers and _applies(metafunc, case)]
        cases = [pytest.param(case, id=case.path.name) for case in taken]
        metafunc.parametrize("corpus_case", cases or [_absent(CORPUS)])
    if "kernel_case" in metafunc.fixturenames:
        folders = [pytest.param(case, id=case.folder.name) for case in kernel_cases() if _applies(metafunc, case)]
        metafunc.parametrize("kernel_case", folders or [_absent(*KERNEL_CASES)])


def _applies(metafunc: pytest.Metafunc, case: CorpusCase | KernelCase) -> bool:
    marker = metafunc.definition.get_closest_marker("cases")
    return marker is None or bool(marker.kwargs["where"](case))


def _absent(*places: Path) -> Any:
    looked = " and ".join(str(place.relative_to(ROOT.parent)) for place in places)
    return pytest.param(None, id="absent", marks=pytest.mark.skip(reason=f"{ABSENT}: looked in {looked}"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """CI is never green because something was missing: there the only reason to skip is material of others."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    unexpected = [r for r in reporter.stats.get("skipped", []) if ABSENT not in str(r.longrepr)]
    for skipped in unexpected[:20]:
        reporter.write_line(f"unexpected skip: {skipped.nodeid}: {skipped.longrepr}")
    if unexpected and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def corpus() -> list[CorpusCase]:
    """All third-party captures."""
    cases = corpus_cases()
    if not cases:
        pytest.skip(f"{ABSENT}: looked in {CORPUS.relative_to(ROOT.parent)}")
    return cases


# Both builds ---------------------------------------------------------------------------------------------------------


def _plain(module: ModuleType) -> ModuleType:
    """The same module, read from its Python source whatever the build."""
    source = Path(module.__spec__.origin).parent / f"{module.__name__.rpartition('.')[2]}.py"
    spec = importlib.util.spec_from_file_location(f"plain_{source.stem}", source)
    assert spec is not None
    assert spec.loader is not None
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    return plain


@dataclass(frozen=True)
class Build:
    """The record walk and the decode loop of one build."""

    name: str
    records: ModuleType
    unwrap: ModuleType

    @property
    def compiled(self) -> bool:
        return not self.unwrap.__file__.endswith(".py")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The readers use this build's record walk."""
        readers = (ipipscope.capture.pcap, ipipscope.capture.pcapng)
        before = [reader.records for reader in readers]
        try:
            for reader in readers:
                reader.records = self.records
            yield
        finally:
            for reader, records in zip(readers, before, strict=True):
                reader.records = records

    def decode(self, file: CaptureFile | Path | str, window: int | None = None) -> Columns:
        """All packets of a file as one batch, in file order, with `time` and `frame`."""
        if not isinstance(file, CaptureFile):
            file = CaptureFile(str(file))
        batches = []
        with self.reading():
            for records in file.batches() if window is None else file.batches(window):
                link_types = np.array([each.link_type for each in file.interfaces], "u4")
                batch = self.unwrap.unwrap(
                    records.octets, records.offsets, records.captured, records.wire, records.interface, link_types
                )
                batch.time = records.time
                batch.frame = np.arange(records.first_frame, records.first_frame + len(records), dtype="u4")
                batches.append(batch)
        return joined(batches)

    def decode_frames(self, frames: list[bytes], link_type: int, wire: list[int] | None = None) -> Columns:
        """Frames that no file holds, on one interface."""
        octets = bytearray(b"".join(frames))
        captured = np.array([len(frame) for frame in frames], "u4")
        offsets = np.cumsum(captured, dtype="u4") - captured
        return self.unwrap.unwrap(
            octets, offsets, captured, captured if wire is None else np.array(wire, "u4"),
            np.zeros(len(frames), "u2"), np.array([link_type], "u4"),
        )  # fmt: skip


def joined(batches: list[Columns]) -> Columns:
    """Several batches of one file as one."""
    if not batches:
        return Columns.empty(0)
    fields = {}
    rows_before = np.cumsum([0, *(len(batch) for batch in batches)])
    for name in Columns.__dataclass_fields__:
        arrays = [getattr(batch, name) for batch in batches]
        if name in ("level_row", "six_row"):
            arrays = [array + before for array, before in zip(arrays, rows_before, strict=False)]
        elif name == "malformed":
            arrays = [
                array + np.array([before, 0, 0, 0, 0, 0]) for array, before in zip(arrays, rows_before, strict=False)
            ]
        fields[name] = np.concatenate(arrays)
    return Columns(**fields)


@pytest.fixture(scope="session")
def installed_build() -> Build:
    """What users run here: compiled where that was possible."""
    return Build("installed", ipipscope.capture.pcap.records, installed_unwrap)


@pytest.fixture(scope="session")
def plain_build() -> Build:
    return Build("plain", _plain(ipipscope.capture.pcap.records), _plain(installed_unwrap))


@pytest.fixture(params=["installed", "plain"])
def build(request: pytest.FixtureRequest) -> Build:
    """Each build in turn."""
    return request.getfixturevalue(f"{request.param}_build")

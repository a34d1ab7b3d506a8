"""State that people already have, read into snapshots: files, folders, pastes, bundles.

What is understood: a snapshot file; a folder of raw outputs for a node, or a folder of such folders; text pasted from a
terminal; JSON of kubectl and calicoctl; a tar.gz of all these. Nothing is unpacked to disk and no command is run.
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ipipscope.hosts.assembly import Pieces, decode, merged_calico
from ipipscope.hosts.errors import BadState, StateUnreadable
from ipipscope.hosts.formats import calico
from ipipscope.hosts.formats.values import clean
from ipipscope.hosts.listing import Listing, of_document, of_name
from ipipscope.hosts.model import Calico, LeftOut, Part, Snapshot
from ipipscope.hosts.snapshot_json import from_document
from ipipscope.hosts.terminal import kept, printed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FILE_MAX: Final = 64 << 20
"""Octets of one file; a node's whole iptables-save is a few megabytes."""
FILES_MAX: Final = 5_000
BUNDLE_MAX: Final = 512 << 20
DEPTH_MAX: Final = 6
SKIPPED: Final = frozenset(("captures", "merged", "state-after-fix", "__MACOSX"))
"""Folders beside a case's state that hold no state of that moment."""
_CAPTURES = (".pcap", ".pcapng", ".cap", ".gz", ".zst", ".lz4", ".xz", ".bz2")
_BUNDLES = (".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True, slots=True)
class State:
    """What was read, and what could not be."""

    snapshots: dict[str, Snapshot]
    """By node; the earlier listings of a paste as `node (listing 1 of 2)`."""
    problems: tuple[StateUnreadable, ...] = ()


def load_snapshots(paths: Iterable[str | os.PathLike[str]]) -> dict[str, Snapshot]:
    """The snapshots in *paths*, by node; raises StateUnreadable at the first file that cannot be read."""
    state = read_state(paths)
    if state.problems:
        raise state.problems[0]
    return state.snapshots


def read_state(paths: Iterable[str | os.PathLike[str]]) -> State:
    """The snapshots in *paths*, by node, with the problems of the files that could not be read.

    A folder that has a folder `state` in it is read from there. Later paths complete earlier ones: a node's raw
    outputs may be spread over several.
    """
    reader = _Reader()
    for path in paths:
        reader.take(Path(path))
    return State(reader.snapshots(), tuple(reader.problems))


@dataclass(frozen=True, slots=True)
class _Text:
    """One file's text and where it came from."""

    name: str
    """As the user would name it, fit to print."""
    parts: tuple[str, ...]
    """Folder names and file name, from the folder or bundle that was given."""
    text: str


class _Reader:
    def __init__(self) -> None:
        self.pieces: dict[str, Pieces] = {}
        self.whole: dict[str, Snapshot] = {}
        self.cluster = Calico()
        self.problems: list[StateUnreadable] = []
        self.files = 0

    def take(self, path: Path) -> None:
        name = clean(str(path), "path", 8192)
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                self._folder(path)
            elif not stat.S_ISREG(mode):
                self._problem(name, "it is neither a file nor a folder.", "Name a snapshot, a listing or a folder.")
            elif path.name.endswith(_BUNDLES):
                self._bundle(path, name)
            else:
                self._file(path, name, (path.name,), alone=True)
        except OSError as error:
            self._problem(name, f"it cannot be opened: {error.strerror or error}.", "Check the path and its rights.")

    def _problem(self, name: str, problem: str, hint: str = "") -> None:
        self.problems.append(StateUnreadable(clean(name, "path", 8192), problem, hint))

    def _folder(self, folder: Path) -> None:
        root = folder / "state" if (folder / "state").is_dir() else folder
        before = self.files
        self._walk(root, (root.resolve().name if root.name in ("", ".", "..") else root.name,), DEPTH_MAX)
        if self.files == before:
            self._problem(
                str(folder),
                "no host state in it.",
                "Put `ip -j addr`, `ip -j route show table all` ... into files there.",
            )

    def _walk(self, folder: Path, parts: tuple[str, ...], depth: int) -> None:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if entry.name.startswith(".") or entry.name in SKIPPED:
                continue
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if depth:
                    self._walk(path, (*parts, entry.name), depth - 1)
            elif entry.is_file() and not entry.name.endswith(_CAPTURES):
                self._file(path, clean(entry.path, "path", 8192), (*parts, entry.name), alone=False)

    def _file(self, path: Path, name: str, parts: tuple[str, ...], *, alone: bool) -> None:
        self.files += 1
        if self.files > FILES_MAX:
            if self.files == FILES_MAX + 1:
                self._problem(name, f"more than {FILES_MAX} files, the rest is not read.", "Name the node's folder.")
            return
        with path.open("rb") as stream:
            self._octets(stream.read(FILE_MAX + 1), name, parts, alone=alone)

    def _octets(self, octets: bytes, name: str, parts: tuple[str, ...], *, alone: bool) -> None:
        if len(octets) > FILE_MAX:
            self._problem(
                name, f"it is larger than {FILE_MAX >> 20} MiB.", "Keep the listings that concern the overlay."
            )
        elif b"\0" in octets[:65_536]:
            if alone or of_name(parts[-1]) is not None:
                self._problem(name, "it is no text.", "Save what the command prints, or name the capture as one.")
        else:
            try:
                # no listing holds runs of empty lines: millions of them are not walked one by one
                text = re.sub(r"\n{3,}", "\n\n", octets.decode("utf-8", "replace"))
                self._text(_Text(name, parts, text), alone=alone)
            except BadState as error:
                self._problem(name, error.problem, error.hint)

    def _bundle(self, path: Path, name: str) -> None:
        """Read a tar's members in memory; links, devices and names that leave the bundle are passed over."""
        total = 0
        try:
            with tarfile.open(path, "r:*") as bundle:
                for entry in bundle:
                    parts = PurePosixPath(entry.name).parts
                    if not entry.isreg() or ".." in parts or SKIPPED & set(parts) or entry.name.endswith(_CAPTURES):
                        continue
                    total += entry.size
                    self.files += 1
                    if total > BUNDLE_MAX or self.files > FILES_MAX:
                        self._problem(name, "it unpacks to more than a bundle of host state holds.", "Unpack a part.")
                        return
                    stream = bundle.extractfile(entry)
                    octets = stream.read(FILE_MAX + 1) if stream is not None else b""
                    inside = tuple(part for part in parts if part not in ("/", ".", "state"))
                    self._octets(octets, f"{name}:{clean(entry.name, 'name', 4096)}", inside, alone=False)
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            self._problem(name, f"the bundle is damaged: {clean(str(error), 'error', 200)}.", "Make it again.")

    def _text(self, text: _Text, *, alone: bool) -> None:
        listing = of_name(text.parts[-1])
        document = decode(text.text) if text.text.lstrip()[:1] in ("{", "[") else None
        if document is not None:
            listing = of_document(document) or listing
            if listing is Listing.SNAPSHOT:
                snapshot = replace(from_document(document), source=text.name)
                self.whole[self._free(snapshot)] = snapshot
                return
            if listing is Listing.CALICO_RESOURCES:
                self._cluster(document, alone=alone)
                return
        if listing is not None and listing is not Listing.OTHER and not _is_paste(text.text, document):
            self._pieces(text).add(listing, text.text)
            return
        if listing is Listing.OTHER:
            return
        if document is None and self._paste(text, alone=alone):
            return
        if alone:
            raise BadState(
                "no host state in it that ipipscope knows.",
                "Give a snapshot, `ip route`, `ip addr`, `calicoctl node status` ... as printed.",
            )

    def _cluster(self, document: object, *, alone: bool) -> None:
        try:
            self.cluster = merged_calico(calico.resources(document), self.cluster)
        except BadState:
            if alone:
                raise

    def _pieces(self, text: _Text, node: str | None = None) -> Pieces:
        parts = text.parts[:-1]
        name = node or (parts[-1] if parts else _stem(text.parts[-1]))
        if name not in self.pieces:
            self.pieces[name] = Pieces(name, source=text.name)
        return self.pieces[name]

    def _paste(self, text: _Text, *, alone: bool) -> bool:
        """Read a terminal's text; each time a command is repeated on one host, a new moment begins."""
        found = [one for one in printed(text.text.splitlines()) if one.listing is not Listing.OTHER]
        moments: dict[str, list[Pieces]] = {}
        seen: dict[str, set[Listing]] = {}
        taken = False
        fallback = text.parts[-2] if not alone and len(text.parts) > 1 else _stem(text.parts[-1])
        for one in found:
            lines = kept(one)
            host = one.host or fallback
            if not lines:
                continue
            if one.listing in seen.get(host, ()) or host not in moments:
                moments.setdefault(host, []).append(Pieces(host, source=text.name))
                seen[host] = set()
            seen[host].add(one.listing)
            moments[host][-1].add(one.listing, "\n".join(lines))
            taken = True
        for pieces in moments.values():
            for place, piece in enumerate(pieces, 1):
                snapshot = piece.snapshot()
                if len(pieces) > 1:
                    snapshot = replace(snapshot, moment=f"listing {place} of {len(pieces)}")
                self.whole[self._free(snapshot, last=place == len(pieces))] = snapshot
        return taken

    def _free(self, snapshot: Snapshot, *, last: bool = True) -> str:
        """A key for *snapshot* that is not taken yet."""
        key = snapshot.node if last else f"{snapshot.node} ({snapshot.moment})"
        count = 1
        while key in self.whole:
            count += 1
            key = f"{snapshot.node} ({count})"
        return key

    def snapshots(self) -> dict[str, Snapshot]:
        """Everything read, each node once."""
        found = dict(self.whole)
        for name, pieces in self.pieces.items():
            snapshot = pieces.snapshot()
            found[name] = _completed(snapshot, found[name]) if name in found else snapshot
        if self.cluster != Calico():
            for node in self.cluster.nodes:
                if node.name not in found:
                    found[node.name] = Snapshot(node=node.name, left_out=(LeftOut(what="its state", why="not given"),))
            found = {
                key: replace(
                    snapshot,
                    calico=merged_calico(snapshot.calico, self.cluster),
                    parts=tuple(sorted({*snapshot.parts, Part.CALICO})),
                )
                for key, snapshot in found.items()
            }
        return dict(sorted(found.items()))


def _completed(raw: Snapshot, paste: Snapshot) -> Snapshot:
    """One node's raw outputs, with what only a paste or snapshot file of it holds."""
    chosen: dict[str, Any] = {}
    for name in Snapshot.__dataclass_fields__:
        value, other = getattr(raw, name), getattr(paste, name)
        chosen[name] = value if value or value is False else other
    chosen["parts"] = tuple(sorted({*raw.parts, *paste.parts}))
    return Snapshot(**chosen)


def _is_paste(text: str, document: object) -> bool:
    """Whether *text* shows prompts: a file named after a command may hold the whole session."""
    return document is None and any(one.command for one in printed(text[:65_536].splitlines()))


def _stem(name: str) -> str:
    stem = name
    for suffix in (".txt", ".json", ".log", ".out", ".md"):
        stem = stem.removesuffix(suffix)
    return stem or name


__all__: Sequence[str] = ("State", "StateUnreadable", "load_snapshots", "read_state")

"""A whole case made anonymous: captures and host state read, rewritten, and written into a folder of their own."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.analysis import state_beside
from ipipscope.anonymize.addresses import Addresses
from ipipscope.anonymize.frames import rewrite
from ipipscope.anonymize.names import Names
from ipipscope.anonymize.state import anonymous, learn
from ipipscope.capture.files import STDIN, find
from ipipscope.capture.pcapng_writer import PcapngWriter
from ipipscope.errors import InputError, UsageError, writing
from ipipscope.hosts.reading import read_state
from ipipscope.hosts.snapshot_json import to_json
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from ipipscope.capture.files import CaptureFile
    from ipipscope.model import CapturePoint

KEY_OCTETS = 32


@dataclass(slots=True)
class Anonymized:
    """What was written.

    files, packets, snapshots: how many.
    problems: what could not be read, names and addresses in it replaced.
    """

    files: int = 0
    packets: int = 0
    snapshots: int = 0
    problems: list[InputError] = field(default_factory=list)


def key_of(path: Path | None) -> bytes:
    """The key in a file, made there where there is none; without a file one that nobody keeps.

    Raises InputError where the file cannot be read or written, or is too short for a key.
    """
    if path is None:
        return secrets.token_bytes(KEY_OCTETS)
    try:
        if not path.exists():
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(secrets.token_hex(KEY_OCTETS) + "\n", encoding="ascii")
        secret = path.read_bytes().strip()
    except OSError as failure:
        raise InputError(str(path), say("cannot be used as key: {strerror}.", strerror=failure.strerror)) from failure
    if len(secret) < KEY_OCTETS // 2:
        raise InputError(
            str(path), say("is too short for a key."), say("Name a file that does not exist yet: it is made.")
        )
    return sha256(secret).digest()


def anonymize(
    paths: Sequence[str],
    folder: Path,
    *,
    key: bytes,
    points: Mapping[str, CapturePoint] | None = None,
    state: Sequence[str] | None = None,
) -> Anonymized:
    """Write the captures and the host state of a case into *folder*, which must be empty or not there yet.

    points: capture points said outright, by file.
    state: snapshots and folders of host state; None for what lies beside the captures.
    Raises UsageError where *folder* holds something, InputError where it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: name a folder that does not exist yet")
    files, problems = find(paths, points)
    names = Names(Addresses(key))
    found = read_state(state_beside(paths, [file.path for file in files]) if state is None else state)
    learn(found.snapshots.values(), names)
    for file in files:
        _learn_points(file, names)
    done = Anonymized()
    titles: dict[str, str] = {}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            title = _title(file, names, Counter(titles.values()))
            with (folder / title).open("wb") as out:
                done.packets += _copy(file, out, names)
            titles[file.path] = title
            done.files += 1
        for snapshot in found.snapshots.values():
            replaced = anonymous(snapshot, names)
            (folder / "state").mkdir(exist_ok=True)
            (folder / "state" / f"{replaced.node}.json").write_text(to_json(replaced), encoding="utf-8")
            done.snapshots += 1
    every = [*problems, *found.problems, *(problem for file in files for problem in file.problems)]
    done.problems = [
        InputError(titles.get(each.source, "a file"), names.text(each.problem), names.text(each.hint)) for each in every
    ]
    return done


def _learn_points(file: CaptureFile, names: Names) -> None:
    if file.path == STDIN:
        raise UsageError("captures are read twice to be made anonymous: name files instead of -")
    file.begins()
    file.problems.clear()
    for number in range(len(file.interfaces)):
        names.learn("node", file.point_of(number).node)


def _title(file: CaptureFile, names: Names, taken: Counter[str]) -> str:
    """A name that tells node and interface as the file's own did; in a folder of its own where it is taken."""
    points = [file.point_of(number) for number in range(len(file.interfaces))]
    if not points:
        stem = f"file-{names.hashed('file', file.path)}"
    elif len(points) > 1 or file.interfaces[0].name:
        stem = f"{names.node(points[0].node)}_merged"
    elif points[0].node == points[0].interface:
        stem = names.node(points[0].node)
    else:
        stem = f"{names.node(points[0].node)}_{names.interface(points[0].interface)}"
    number = 1
    title = f"{stem}.pcapng"
    while taken[title]:
        number += 1
        title = f"{stem}_{number}.pcapng"
    return title


def _copy(file: CaptureFile, out: BinaryIO, names: Names) -> int:
    """Write a file's frames; how many."""
    writer = PcapngWriter(out, os="anonymous")
    packets = 0
    last: dict[int, int] = {}
    for records in file.batches():
        _describe(file, writer, names)
        types = np.array([interface.link_type for interface in file.interfaces], "u4")
        writer.packets(rewrite(records, types, names.addresses))
        packets += len(records)
        for interface in np.unique(records.interface).tolist():
            last[interface] = int(records.time[records.interface == interface].max())
    _describe(file, writer, names)  # those that recorded nothing
    for number, described in enumerate(file.interfaces):
        if (described.received, described.dropped, described.recorded) != (None, None, None):
            moment = max(last.get(number, 0), 0)
            writer.statistics(
                number,
                time=moment,
                received=described.received,
                dropped=described.dropped,
                kept=described.kept,
                recorded=described.recorded,
            )
    return packets


def _describe(file: CaptureFile, writer: PcapngWriter, names: Names) -> None:
    """Write what interfaces the file has described since, under their new names."""
    for number in range(len(writer.interfaces), len(file.interfaces)):
        known, point = file.interfaces[number], file.point_of(number)
        alone = not known.name and len(file.interfaces) == 1
        name = "" if alone else names.interface(point.interface)
        if point.node != file.point_of(0).node:
            name = f"{names.node(point.node)}:{name}"
        writer.interface(replace(known, name=name, description="", os="", filter=names.text(known.filter)))

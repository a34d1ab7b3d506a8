"""What is fuzzed, and what must hold whatever comes in."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.analysis import triage
from ipipscope.capture.files import CaptureFile
from ipipscope.decoder import link
from ipipscope.decoder.unwrap import unwrap
from ipipscope.errors import InputError
from ipipscope.report.json_report import write_json
from ipipscope.report.markdown import write_markdown
from ipipscope.report.terminal import write_text

if TYPE_CHECKING:
    from pathlib import Path

LINES_A_FILE = 70
"""Problems of one file; each link type that is not decoded is one."""
LINK_TYPES = sorted(link.DECODED)


def reader(octets: bytes, folder: Path) -> int:
    """The file's records lie inside their buffers, frames count up, every problem is one line."""
    path = folder / "node1_eth0.pcap"
    path.write_bytes(octets)
    packets = {}
    for window in (1 << 20, 333):
        file = CaptureFile(str(path))
        frame, found = 1, 0
        for records in file.batches(window):
            assert records.first_frame == frame
            frame += len(records)
            assert (records.offsets.astype("i8") + records.captured <= len(records.octets)).all()
            assert (records.interface < len(file.interfaces)).all()
            found = (found * 31 + int(records.captured.sum()) + len(records)) & 0xFFFFFFFF
        packets[window] = frame, [type(problem) for problem in file.problems]
        assert len(file.problems) <= LINES_A_FILE
        for problem in file.problems:
            assert isinstance(problem, InputError)
            assert "\n" not in str(problem)
    assert packets[1 << 20] == packets[333], packets
    return frame - 1


def decoder(octets: bytes, _folder: Path) -> int:
    """Any octets as frames of any link type give columns."""
    size = 40 + len(octets) % 90
    buffer = bytearray(octets)
    offsets = np.arange(0, max(1, len(buffer) - size), size, dtype="u4")
    captured = np.minimum(np.full(len(offsets), size, "u4"), np.uint32(len(buffer)) - offsets)
    interface = (offsets // size % len(LINK_TYPES)).astype("u2")
    batch = unwrap(buffer, offsets, captured, captured, interface, np.array(LINK_TYPES, "u4"))
    assert len(batch) == len(offsets)
    return len(batch)


def report(octets: bytes, folder: Path) -> int:
    """From octets to a report in three forms; its JSON is JSON and its counts agree."""
    path = folder / "node1_eth0.pcap"
    path.write_bytes(octets)
    found = triage([str(path)], state=[])
    assert found.answered + found.unanswered + found.undecided <= found.exchanges
    out = io.StringIO()
    write_json(found, out)
    json.loads(out.getvalue())
    write_markdown(found, io.StringIO())
    write_text(found, io.StringIO(), width=100, colour=False)
    return found.packets


TARGETS = {"reader": reader, "decoder": decoder, "report": report}

"""What tests ask of the reader."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ipipscope.capture.files import CaptureFile


def read(octets: bytes, window: int | None = None):
    """Packets of a file that holds *octets*, as (octets, time, wire, interface), and the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node1_eth0.pcap"
        path.write_bytes(octets)
        file = CaptureFile(str(path))
        packets = []
        for records in file.batches() if window is None else file.batches(window):
            columns = (records.offsets, records.captured, records.time, records.wire, records.interface)
            for offset, length, time, wire, interface in zip(*(each.tolist() for each in columns), strict=True):
                packets.append((bytes(records.octets[offset : offset + length]), time, wire, interface))
    return packets, file


def told(file: CaptureFile) -> list[str]:
    """The problems as people read them, without the folder."""
    return [str(problem).replace(f"{Path(file.path).parent}/", "") for problem in file.problems]

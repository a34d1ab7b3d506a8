"""Would it gain to read and decode in another process? `processes.py CAPTURE`.

What counts is the processor time of the process that correlates: exchanges are paired in order of time, by one. It is
measured because wall time would depend on what else the machine does. The best of several rounds.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from ipipscope.capture.files import find
from ipipscope.correlator.correlate import Correlator
from ipipscope.correlator.merge import Chunk
from ipipscope.decoder.columns import Columns
from ipipscope.model import SECOND
from ipipscope.sources import Decoded, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

ROUNDS: Final = 5
NAMES: Final = [each.name for each in fields(Columns)]


def source(path: str) -> Decoded:
    [found] = decode(find([path])[0])
    found.peek()
    return found


def send(path: str, out: Connection) -> None:
    """The other process: columns go through a pipe, as octets, without a copy by pickle."""
    for batch in source(path).batches():
        columns: list[pickle.PickleBuffer] = []
        arrays = [getattr(batch, name) for name in NAMES]
        out.send_bytes(pickle.dumps(arrays, protocol=5, buffer_callback=columns.append))
        out.send(len(columns))
        for column in columns:
            out.send_bytes(column.raw())
    out.send_bytes(b"")


def received(path: str) -> Iterator[Columns]:
    there, here = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=send, args=(path, here))
    process.start()
    here.close()
    while data := there.recv_bytes():
        columns = [bytearray(there.recv_bytes()) for _ in range(there.recv())]
        batch = Columns.__new__(Columns)
        for name, array in zip(NAMES, pickle.loads(data, buffers=columns), strict=True):
            setattr(batch, name, array)
        yield batch
    process.join()


def correlated(batches: Iterator[Columns], path: str) -> int:
    correlator, packets = Correlator([source(path)], 5 * SECOND), 0
    for batch in batches:
        packets += len(batch)
        correlator.take(int(batch.time.max()), [Chunk(0, batch, 0, len(batch))])
    correlator.result()
    return packets


def main() -> None:
    path = sys.argv[1]
    ways: dict[str, Callable[[], int]] = {
        "read and decode": lambda: sum(map(len, source(path).batches())),
        "receive what another process decoded": lambda: sum(map(len, received(path))),
        "read, decode and correlate": lambda: correlated(source(path).batches(), path),
        "receive and correlate": lambda: correlated(received(path), path),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.process_time()
            packets = way()
            best[name] = min(best[name], (time.process_time() - begin) / packets)
    for name, taken in best.items():
        print(f"{name:38} {taken * 1e9:6.1f} ns a packet")


if __name__ == "__main__":
    main()

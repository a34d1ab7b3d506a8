"""Exchanges one by one, for tables and ladders: the journeys count them, here each has a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.correlator.journey import Seen
from ipipscope.correlator.looks import Look, unpack

if TYPE_CHECKING:
    from ipipscope.correlator.pairing import Pairing
    from ipipscope.decoder.columns import Array


@dataclass(slots=True, eq=False)
class Exchanges:
    """A row an exchange, in order of capture time; an entry a sighting, each exchange's together and in path order.

    journey: i4, row of the journey (`Journey.row`) that counts it.
    request, reply: i8, earliest capture time of each; 0 where it was never seen.
    number: u4, ICMP sequence number or initial TCP sequence number; 0 for UDP.
    port: u2, the requester's port; 0 for ICMP.
    length: u4, inner total length of its largest packet, octets.
    start, stop: i8, where its sightings stand in the arrays below.
    token: i4, index into `looks`. time: i8. frame: u4, place in its file, from 1. source: u2, number of the file.
    """

    journey: Array
    request: Array
    reply: Array
    number: Array
    port: Array
    length: Array
    start: Array
    stop: Array
    token: Array
    time: Array
    frame: Array
    source: Array
    looks: tuple[Look, ...]

    def __len__(self) -> int:
        return len(self.journey)

    def seen(self, row: int) -> tuple[Seen, ...]:
        """The sightings of the exchange in row *row*."""
        return tuple(
            Seen(self.looks[self.token[at]], int(self.time[at]), int(self.frame[at]), int(self.source[at]))
            for at in range(int(self.start[row]), int(self.stop[row]))
        )


def exchanges(pairing: Pairing) -> Exchanges:
    """The exchanges that *pairing* has kept so far; it must have been made with `keep`."""
    kept, sightings = pairing.kept, pairing.kept_sightings

    def column(name: str, size: int) -> Array:
        return np.asarray(getattr(pairing, name))[:size].copy()

    request, reply = column("x_request", kept), column("x_reply", kept)
    order = np.argsort(np.where(request > 0, request, reply), kind="stable")
    start = column("x_start", kept)
    stop = np.append(start[1:], sightings)
    return Exchanges(
        journey=column("x_journey", kept)[order],
        request=request[order],
        reply=reply[order],
        number=column("x_number", kept)[order],
        port=column("x_port", kept)[order],
        length=column("x_length", kept)[order],
        start=start[order],
        stop=stop[order],
        token=column("xs_token", sightings),
        time=column("xs_time", sightings),
        frame=column("xs_frame", sightings),
        source=column("xs_source", sightings),
        looks=tuple(unpack(pairing.t_words, token) for token in range(pairing.tokens)),
    )

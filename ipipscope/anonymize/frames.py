"""Frames with their addresses replaced and their payloads cut, a batch at a time.

What is kept of a frame is what the decoder reads, header by header inwards: link headers, labels, tags, IP headers,
those of tunnels, and the transport header; of what follows 16 octets of a keyed hash, so that equal payloads stay
equal. Nothing else: not options, not the bodies of other protocols. Checksums are right where they were right, and
wrong where they were wrong; of a frame that makes no sense somewhere the length stays, for that tells where.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.anonymize import ip_headers, link_layers
from ipipscope.anonymize.octets import Frames
from ipipscope.anonymize.steps import LLC, PPP, together
from ipipscope.decoder import gre, link
from ipipscope.decoder.columns import Flags, Kind
from ipipscope.decoder.unwrap import unwrap

if TYPE_CHECKING:
    from ipipscope.anonymize.addresses import Addresses
    from ipipscope.capture.packets import Records
    from ipipscope.decoder.columns import Array

ROUNDS_MAX: Final = 400
"""Headers of one frame that are rewritten; deeper ones, which the decoder does not read either, are cut off."""
HEADERS: Final = {
    link.ETHERTYPE_IPV4: ip_headers.v4,
    link.ETHERTYPE_IPV6: ip_headers.v6,
    link.ETHERTYPE_ARP: link_layers.arp,
    **dict.fromkeys((link.ETHERTYPE_VLAN, link.ETHERTYPE_QINQ, link.ETHERTYPE_QINQ_OLD), link_layers.tag),
    **dict.fromkeys((link.ETHERTYPE_MPLS, link.ETHERTYPE_MPLS_MULTICAST), link_layers.mpls),
    link.ETHERTYPE_PPPOE: link_layers.pppoe,
    gre.TRANSPARENT_ETHERNET: link_layers.ethernet,
    LLC: link_layers.snap,
    PPP: link_layers.ppp,
}


def rewrite(records: Records, link_types: Array, addresses: Addresses) -> Records:
    """*records* with everything replaced or cut.

    link_types: u4, of each interface of the records' file.
    """
    read = unwrap(records.octets, records.offsets, records.captured, records.wire, records.interface, link_types)
    frames = Frames(records, addresses)
    frames.bad = read.flags & int(Flags.BAD_CHECKSUM) > 0
    senseless = read.flags & int(Flags.CUT | Flags.MALFORMED) > 0
    frames.whole = frames.bad | senseless | (read.kind == int(Kind.UNREADABLE))
    rows, at, protocol = link_layers.link_layers(frames, link_types[records.interface])
    for _ in range(ROUNDS_MAX):
        if not len(rows):
            break
        rows, at, protocol = together(
            HEADERS[each](frames, rows[protocol == each], at[protocol == each])
            for each in np.unique(protocol).tolist()
            if each in HEADERS
        )
    octets, kept = frames.kept()
    return replace(
        records,
        octets=bytearray(octets.tobytes()),
        offsets=(np.cumsum(kept) - kept).astype("u4"),
        captured=kept.astype("u4"),
    )

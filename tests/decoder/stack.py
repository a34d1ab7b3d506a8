"""The IP headers of a packet, outermost first, out of the columns."""

from ipaddress import IPv4Address, IPv6Address

import numpy as np


def layers(columns, row):
    """Source and destination of each, as text."""
    found = {}
    if columns.outer_src[row] or columns.outer_dst[row]:
        found[0] = IPv4Address(int(columns.outer_src[row])), IPv4Address(int(columns.outer_dst[row]))
    for at in np.flatnonzero(columns.level_row == row):
        pair = columns.level_src[at], columns.level_dst[at]
        found[int(columns.level_place[at])] = tuple(IPv4Address(int(address)) for address in pair)
    for at in np.flatnonzero(columns.six_row == row):
        pair = columns.six_src[at], columns.six_dst[at]
        found[int(columns.six_place[at])] = tuple(IPv6Address(address.tobytes()) for address in pair)
    free = [place for place in range(columns.depth[row]) if place not in found]
    if free:
        pair = columns.inner_src[row], columns.inner_dst[row]
        found[free[0]] = tuple(IPv4Address(int(address)) for address in pair)
    return [(str(source), str(destination)) for _, (source, destination) in sorted(found.items())]

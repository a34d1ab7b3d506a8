"""The decoder against what tshark made of captures of others (CORPUS.md tells where tshark is not to be believed)."""

import dataclasses
from ipaddress import IPv4Address

import numpy as np
import pytest

from ipipscope.decoder import link
from ipipscope.decoder.columns import Columns, Flags, Kind, Part

LINK = {"eth", "raw", "sll", "null", "ppp", "chdlc"}
CARRIERS: set[tuple[str, ...]] = set()
"""What may stand between two IPv4 headers, or between link header and IPv4, and is looked into."""
ICMP = 1
SILENT = {"ethertype", "vlan", "ieee8021ad", "pppoe"}


def in_scope(row):
    """Whether the decoder promises to read all the IPv4 headers of this frame."""
    if "tshark_layer_mismatch" in row.flags:
        return False
    chain = [token for token in row.protocols if token not in SILENT]
    if not chain or chain.pop(0) not in LINK:
        return False
    headers = len(row.layers)
    between = []
    for token in chain:
        if token == "ip":
            if between and tuple(between) not in CARRIERS:
                return False
            between = []
            headers -= 1
            if headers == 0:
                return True
        elif token == "ipv6":
            return False
        else:
            between.append(token)
    return False


def layers(columns, row):
    """Source and destination of each IPv4 header of a packet, outermost first."""
    found = []
    if columns.depth[row] > 1:
        found.append((columns.outer_src[row], columns.outer_dst[row]))
    levels = np.flatnonzero(columns.level_row == row)
    found += zip(columns.level_src[levels], columns.level_dst[levels], strict=True)
    if columns.depth[row]:
        found.append((columns.inner_src[row], columns.inner_dst[row]))
    return [(str(IPv4Address(int(source))), str(IPv4Address(int(destination)))) for source, destination in found]


@pytest.mark.tiers("exact")
def test_addresses_and_echo_numbers_are_those_that_tshark_shows(corpus_case, build):
    rows = [row for row in corpus_case.rows if in_scope(row)]
    rows = [row for row in rows if len(row.layers) > 1 or row.layers[-1][2] == ICMP]
    if not rows or not corpus_case.link_types & link.DECODED:
        pytest.skip("no IPv4 in IPv4 and no echo that is in scope")
    columns = build.decode(corpus_case.path)
    for row in rows:
        at = row.frame - 1
        assert layers(columns, at) == [(source, destination) for source, destination, _ in row.layers], row.frame
        assert columns.depth[at] == len(row.layers)
        assert columns.inner_proto[at] == row.layers[-1][2]
        if row.layers[-1][2] == ICMP and row.icmp.get("type") in (0, 8):
            assert columns.icmp_type[at] == row.icmp["type"]
            assert columns.icmp_code[at] == row.icmp["code"]
            if "seq" not in row.icmp or "short" in row.flags:
                assert columns.flags[at] & (Flags.CUT | Flags.MALFORMED)
                continue
            assert columns.part[at] == {8: Part.ECHO_REQUEST, 0: Part.ECHO_REPLY}[row.icmp["type"]]
            assert (columns.icmp_id[at], columns.icmp_seq[at]) == (row.icmp["id"], row.icmp["seq"])


@pytest.mark.tiers("exact")
def test_kinds_are_counted_as_tshark_counts_them(corpus_case, build):
    told = corpus_case.expect["figures"].get("tunnels", {})
    if not corpus_case.link_types <= link.DECODED:
        pytest.skip("a link type that is not decoded")
    if corpus_case.expect["figures"]["frames"] != corpus_case.expect["packets"]["value"]:
        pytest.skip("tshark 4.0 counts blocks that are no packets as frames")
    columns = build.decode(corpus_case.path)
    kinds = np.bincount(columns.kind, minlength=len(Kind))
    inside = sum(count for name, count in told.items() if name.startswith("via_"))
    if inside:
        pytest.skip("tunnels inside other carriers")
    assert kinds[Kind.IPIP] == told.get("ipip", 0)
    assert kinds[Kind.IPV6_IN_IPV4] == told.get("proto41_any", 0)
    assert kinds[Kind.IPV4_IN_IPV6] == told.get("4in6", 0)
    assert kinds[Kind.IPV6_IN_IPV6] == told.get("6in6", 0)
    assert kinds[Kind.IPV6_UNDER_IPIP] == told.get("v6_under_proto4", 0)
    undecoded = told.get("proto4_undecoded", 0)
    assert kinds[Kind.IPIP_OPAQUE] + kinds[Kind.IPIP_FRAGMENT] + kinds[Kind.IPV6_UNDER_IPIP] == undecoded


def test_frames_of_link_types_that_are_not_decoded_are_counted(corpus_case, build):
    if corpus_case.link_types & link.DECODED:
        pytest.skip("a link type that is decoded")
    columns = build.decode(corpus_case.path)
    assert (columns.kind == Kind.UNKNOWN_LINK).all()


def test_both_builds_decode_the_same(corpus_case, installed_build, plain_build):
    compiled, plain = installed_build.decode(corpus_case.path), plain_build.decode(corpus_case.path)
    for field in dataclasses.fields(Columns):
        assert np.array_equal(getattr(compiled, field.name), getattr(plain, field.name)), field.name

"""The decoder against what tshark made of captures of others (CORPUS.md tells where tshark is not to be believed)."""

import dataclasses
from ipaddress import ip_address

import numpy as np
import pytest

from decoder.stack import layers
from ipipscope.decoder import link
from ipipscope.decoder.columns import Columns, Flags, Kind, Part

LINK = {"eth", "raw", "sll", "null", "ppp", "chdlc"}
CARRIERS = {("gre",), ("gre", "eth"), ("gre", "mpls"), ("udp", "vxlan", "eth"), ("mpls",)}
"""What may stand between two IP headers, or between link header and IP, and is looked into."""
UNNAMED = {"tcpdump__wccp_redirect_gre.pcap"}
"""A carrier that tshark does not show: the redirect header of WCCP behind GRE, type 0x883E."""
ICMP = 1
SILENT = {"ethertype", "vlan", "ieee8021ad", "pppoe", "ipv6.hopopts", "ipv6.routing", "ipv6.fraghdr", "ipv6.dstopts"}


def in_scope(row):
    """Whether the decoder promises to read all the IP headers of this frame."""
    if "tshark_layer_mismatch" in row.flags or any("?" in layer[:2] for layer in row.layers):  # ?: cut
        return False
    chain = [token for token in row.protocols if token not in SILENT]
    if not chain or chain.pop(0) not in LINK:
        return False
    headers = len(row.layers)
    between = []
    for token in chain:
        if token in ("ip", "ipv6"):
            if between and tuple(between) not in CARRIERS:
                return False
            between = []
            headers -= 1
            if headers == 0:
                return True
        else:
            between.append(token)
    return False


def has_rows_in_scope(case):
    decoded = case.link_types & link.DECODED and case.path.name not in UNNAMED
    return decoded and any(in_scope(row) for row in case.rows)


@pytest.mark.tiers("exact")
@pytest.mark.cases(where=has_rows_in_scope)
def test_addresses_and_echo_numbers_are_those_that_tshark_shows(corpus_case, build):
    rows = [row for row in corpus_case.rows if in_scope(row)]
    columns = build.decode(corpus_case.path)
    for row in rows:
        at = row.frame - 1
        told = [(str(ip_address(source)), str(ip_address(destination))) for source, destination, _ in row.layers]
        assert layers(columns, at) == told, row.frame
        assert columns.depth[at] == len(row.layers)
        if columns.inner_src[at] and ":" not in row.layers[-1][0]:
            assert columns.inner_proto[at] == row.layers[-1][2]
        if row.layers[-1][2] == ICMP and row.icmp.get("type") in (0, 8):
            assert columns.icmp_type[at] == row.icmp["type"]
            assert columns.icmp_code[at] == row.icmp["code"]
            if "seq" not in row.icmp or "short" in row.flags:
                assert columns.flags[at] & (Flags.CUT | Flags.MALFORMED)
                continue
            assert columns.part[at] == {8: Part.ECHO_REQUEST, 0: Part.ECHO_REPLY}[row.icmp["type"]]
            assert (columns.icmp_id[at], columns.icmp_seq[at]) == (row.icmp["id"], row.icmp["seq"])


def test_every_carrier_in_scope_occurs_in_the_corpus(corpus):
    seen = {
        token
        for case in corpus
        if case.tier == "exact"
        for row in case.rows
        if in_scope(row)
        for token in row.protocols
    }
    assert {"vlan", "gre", "vxlan", "mpls", "ipv6"} <= seen


def has_comparable_kinds(case):
    """Not where tshark 4.0 counts blocks that are no packets as frames, nor for tunnels inside other carriers."""
    figures = case.expect["figures"]
    inside = any(count for name, count in figures.get("tunnels", {}).items() if name.startswith("via_"))
    same_frames = figures["frames"] == case.expect["packets"]["value"]
    return case.link_types <= link.DECODED and same_frames and not inside


@pytest.mark.tiers("exact")
@pytest.mark.cases(where=has_comparable_kinds)
def test_kinds_are_counted_as_tshark_counts_them(corpus_case, build):
    told = corpus_case.expect["figures"].get("tunnels", {})
    columns = build.decode(corpus_case.path)
    kinds = np.bincount(columns.kind, minlength=len(Kind))
    assert kinds[Kind.IPIP] == told.get("ipip", 0)
    assert kinds[Kind.IPV6_IN_IPV4] == told.get("proto41_any", 0)
    assert kinds[Kind.IPV4_IN_IPV6] == told.get("4in6", 0)
    assert kinds[Kind.IPV6_IN_IPV6] == told.get("6in6", 0)
    assert kinds[Kind.IPV6_UNDER_IPIP] == told.get("v6_under_proto4", 0)
    undecoded = told.get("proto4_undecoded", 0)
    assert kinds[Kind.IPIP_OPAQUE] + kinds[Kind.IPIP_FRAGMENT] + kinds[Kind.IPV6_UNDER_IPIP] == undecoded


@pytest.mark.cases(where=lambda case: not case.link_types & link.DECODED)
def test_frames_of_link_types_that_are_not_decoded_are_counted(corpus_case, build):
    columns = build.decode(corpus_case.path)
    assert (columns.kind == Kind.UNKNOWN_LINK).all()


def test_both_builds_decode_the_same(corpus_case, installed_build, plain_build):
    compiled, plain = installed_build.decode(corpus_case.path), plain_build.decode(corpus_case.path)
    for field in dataclasses.fields(Columns):
        assert np.array_equal(getattr(compiled, field.name), getattr(plain, field.name)), field.name

"""Replaced addresses: prefixes and classes are kept, the key decides."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipipscope.anonymize.addresses import Addresses

ADDRESSES = Addresses(bytes(range(32)))
anywhere = st.integers(0, 2**32 - 1)


def common(one: int, other: int) -> int:
    """How many first bits two addresses share."""
    return 32 - (one ^ other).bit_length()


@given(one=anywhere, other=anywhere, shared=st.integers(0, 32))
def test_two_addresses_share_as_many_first_bits_as_before(one, other, shared):
    other = (one >> (32 - shared) << (32 - shared)) | (other & ((1 << (32 - shared)) - 1))
    kept = [IPv4Network("0.0.0.0/8"), IPv4Network("127.0.0.0/8"), IPv4Network("169.254.0.0/16"),
            IPv4Network("172.17.0.0/16"), IPv4Network("224.0.0.0/24"), IPv4Network("255.255.255.255/32")]  # fmt: skip
    if any((IPv4Address(one) in network) != (IPv4Address(other) in network) for network in kept):
        return  # a range that stays stands beside one that does not: they never shared more than its length
    assert common(ADDRESSES.v4(one), ADDRESSES.v4(other)) == common(one, other)


@given(address=anywhere)
def test_multicast_loopback_and_this_host_stay_what_they_are(address):
    before, after = IPv4Address(address), IPv4Address(ADDRESSES.v4(address))
    for told in ("is_multicast", "is_loopback", "is_unspecified", "is_link_local", "is_reserved"):
        assert getattr(before, told) == getattr(after, told)


@given(address=anywhere)
def test_no_address_inside_a_class_meets_one_that_stays(address):
    after = ADDRESSES.v4(address)
    for network in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.17.0.0/16", "224.0.0.0/24"):
        assert (IPv4Address(after) in IPv4Network(network)) == (IPv4Address(address) in IPv4Network(network))


@given(address=anywhere, length=st.integers(0, 32))
def test_an_address_stays_in_its_network(address, length):
    network = IPv4Network((address, length), strict=False)
    replaced = ADDRESSES.network(network)
    assert replaced.prefixlen == length
    if not any(IPv4Network(kept).subnet_of(network) for kept in ("172.17.0.0/16", "169.254.0.0/16", "224.0.0.0/24")):
        assert IPv4Address(ADDRESSES.v4(address)) in replaced


def test_the_key_decides():
    addresses = np.arange(0x0A7A1140, 0x0A7A1140 + 256, dtype="u4")
    assert (ADDRESSES.column(addresses) == Addresses(bytes(range(32))).column(addresses)).all()
    assert (ADDRESSES.column(addresses) != Addresses(bytes(32)).column(addresses)).any()
    assert len(np.unique(ADDRESSES.column(addresses))) == 256


def test_mac_addresses_keep_what_their_first_bits_mean():
    for mac in ("02163e000001", "001122334455", "01005e000001", "33330000000a"):
        replaced = ADDRESSES.mac(bytes.fromhex(mac))
        assert replaced != bytes.fromhex(mac)
        assert replaced[0] & 3 == bytes.fromhex(mac)[0] & 3
    for mac in ("ffffffffffff", "eeeeeeeeeeee", "000000000000"):
        assert ADDRESSES.mac(bytes.fromhex(mac)).hex() == mac

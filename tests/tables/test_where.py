"""The expression language against pandas' own masks, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ipipscope as ix
from ipipscope.errors import UsageError
from ipipscope.tables.table import Column, Form, Table
from ipipscope.tables.where import Where
from tests.conftest import ROOT

CASE = ROOT / "captures" / "case-2-outer-source-mismatch" / "captures"
SAME = {
    "icmp_type == 0": lambda p: p.icmp_type == 0,
    "icmp_type != 0": lambda p: p.icmp_type != 0,
    "not icmp_type == 0": lambda p: ~(p.icmp_type == 0).fillna(value=False),
    "outer_src == 192.168.0.113": lambda p: p.outer_src == "192.168.0.113",
    "192.168.0.113 == outer_src": lambda p: p.outer_src == "192.168.0.113",
    "outer_src in 192.168.0.0/24": lambda p: p.outer_src.astype("str").str.startswith("192.168.0."),
    "inner_src in 10.122.124.128/26 and icmp_type == 8": lambda p: (
        p.inner_src.isin([f"10.122.124.{host}" for host in range(128, 192)]) & (p.icmp_type == 8)
    ),
    "outer_src not in (192.168.0.113, 10.0.0.0/8)": lambda p: p.outer_src.notna() & (p.outer_src != "192.168.0.113"),
    "3 <= icmp_seq < 5": lambda p: (p.icmp_seq >= 3) & (p.icmp_seq < 5),
    "5 > icmp_seq": lambda p: p.icmp_seq < 5,
    "kind == 'ipip' or kind in ('arp', \"ipv6\")": lambda p: p.kind.isin(["ipip", "arp", "ipv6"]),
    "outer_src is None": lambda p: p.outer_src.isna(),
    "vlan is not None": lambda p: p.vlan.notna(),
    "inner_src == outer_src": lambda p: p.inner_src.astype("object") == p.outer_src.astype("object"),
    "wire_length > captured_length": lambda p: p.wire_length > p.captured_length,
    "time >= '2026-11-24T00:32:46Z'": lambda p: p.time >= pd.Timestamp("2026-11-24T00:32:46Z"),
    "src_mac == 00:16:3e:02:06:71": lambda p: p.src_mac == "00:16:3e:02:06:71",
    "point == 'node2:tunl0'": lambda p: p.point == "node2:tunl0",
    "icmp_type == 300": lambda p: p.icmp_type == 300,
}


@pytest.mark.parametrize("text", SAME)
def test_it_picks_what_a_mask_picks_from_packets_as_they_come_and_from_a_table(text):
    fresh = ix.load(CASE)
    packets = fresh.packets
    wanted = packets[SAME[text](packets).fillna(value=False).astype(bool)]
    pd.testing.assert_frame_equal(fresh.where(text), wanted)
    streamed = ix.load(CASE).where(text)
    assert list(zip(streamed.file, streamed.frame, strict=True)) == list(zip(wanted.file, wanted.frame, strict=True))


def test_durations_are_seconds(mended):
    exchanges = mended.exchanges
    slow = exchanges.ipip.where("rtt > 0.001")
    assert len(slow) == (exchanges.rtt > pd.Timedelta(milliseconds=1)).sum()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no expression"),
        ("icmp_type", "compares nothing"),
        ("icmp_type = 0", "no expression"),
        ("icmp_typ == 0", "did you mean icmp_type"),
        ("__import__('os').system('true') == 0", "neither a column nor a value"),
        ("(lambda: 1)() == 1", "neither a column nor a value"),
        ("frame.__class__ == 1", "neither a column nor a value"),
        ("[x for x in (1,)] == 1", "neither a column nor a value"),
        ("frame == f'{frame}'", "neither a column nor a value"),
        ("frame + 1 == 2", "neither a column nor a value"),
        ("inner_src == 10.1.2.300", "no IPv4 address"),
        ("inner_src in 10.0.0.0/40", "no IPv4 address"),
        ("frame == 'one'", "is a number"),
        ("kind == 1", "in quotes"),
        ("kind > 'arp'", "no order"),
        ("time > 'yesterday'", "is not a time"),
        ("time > 'now'", "is not a time"),
        ("frame is 1", "goes with None only"),
        ("frame == (1, 2)", "goes with `in`"),
        ("1 == 1", "a column stands on the left"),
        ("kind in (frame, 'arp')", "in quotes"),
        ("(" * 3000 + "frame == 1" + ")" * 900, "expression"),
        ("x" * 5000, "at most"),
        ("frame == 1\x00", "expression"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(text, says, mismatch):
    with pytest.raises(UsageError, match=says):
        mismatch.where(text)


@given(st.text(st.sampled_from("abf0127._/:'\"()[]<>=!-+ \nandorti"), max_size=40))
def test_any_text_is_an_expression_or_refused(text):
    numbers, addresses = np.arange(3, dtype="u1"), np.arange(3, dtype="u4")
    table = Table({"a": Column(Form.NUMBER, numbers), "b": Column(Form.ADDRESS, addresses)})
    try:
        rows = Where.parse(text).rows(table)
    except UsageError:
        return
    assert (rows.dtype, rows.shape) == (np.dtype(bool), (3,))

"""The packet table against tshark, and its types."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

import ipipscope as ix
from tests.conftest import ROOT
from tests.written import Written, pcap_header, pcap_record

CASES = ROOT / "captures"
FIELDS = ("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "ip.ttl", "icmp.type", "icmp.seq", "eth.src")


def tshark(path):
    """Each frame's fields; both IP headers' where there are two."""
    words = ["tshark", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "separator=|"]
    for field in FIELDS:
        words += ["-e", field]
    lines = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return [dict(zip(FIELDS, line.split("|"), strict=True)) for line in lines]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
def test_every_packet_has_what_tshark_sees():
    compared = 0
    for path in sorted((CASES / "case-2-outer-source-mismatch" / "captures").glob("node4_*.pcap")):
        packets = ix.load(path).packets
        for row, seen in zip(packets.itertuples(), tshark(path), strict=True):
            assert row.frame == int(seen["frame.number"])
            assert abs(row.time.timestamp() - float(seen["frame.time_epoch"])) < 1e-6
            if not seen["ip.src"] or row.quoted_depth is not pd.NA:
                continue
            sources, ttls = seen["ip.src"].split(","), seen["ip.ttl"].split(",")
            assert row.inner_src == sources[-1]
            assert row.inner_dst == seen["ip.dst"].split(",")[-1]
            assert row.inner_ttl == int(ttls[-1])
            assert (row.outer_src if len(sources) > 1 else None) == (sources[0] if len(sources) > 1 else None)
            assert pd.isna(row.outer_src) == (len(sources) == 1)
            assert str(row.icmp_type) == (seen["icmp.type"] or "<NA>")
            if seen["icmp.seq"]:
                assert str(row.icmp_seq) == seen["icmp.seq"].split(",")[0]
            assert (row.src_mac if isinstance(row.src_mac, str) else "") == seen["eth.src"]
            compared += 1
    assert compared > 60


def test_times_are_utc_nanoseconds_and_few_valued_columns_are_categories(mismatch):
    types = mismatch.packets.dtypes
    assert types["time"] == pd.DatetimeTZDtype("ns", "UTC")
    for name in ("file", "point", "kind", "part", "outer_src", "inner_dst", "src_mac"):
        assert isinstance(types[name], pd.CategoricalDtype), name
    assert (types["icmp_type"], types["outer_ttl"]) == (pd.UInt8Dtype(), pd.UInt8Dtype())
    assert types["dport"] == pd.UInt16Dtype()
    assert (types["depth"], types["frame"]) == (np.dtype("u1"), np.dtype("u4"))


def test_address_categories_stand_in_order_of_value(mismatch):
    names = list(mismatch.packets.outer_src.cat.categories)
    assert names == sorted(names, key=lambda name: tuple(map(int, name.split("."))))


def test_a_field_that_a_packet_lacks_is_missing_not_zero(mismatch):
    packets = mismatch.packets
    foreign = packets[packets.kind == "ipv6"]
    assert len(foreign)
    assert foreign[["inner_src", "outer_src", "icmp_type", "sport", "inner_ttl"]].isna().all().all()
    echoes = packets[packets.part == "echo-reply"]
    assert len(echoes)
    assert (echoes.icmp_type == 0).all()
    assert echoes.sport.isna().all()
    assert (packets.icmp_type == 0).fillna(value=False).sum() == len(echoes)


def test_batches_together_are_the_packets(mismatch):
    batches = list(mismatch.batches(rows=50))
    assert len(batches) > 2
    rows = pd.concat([batch.astype("object") for batch in batches], ignore_index=True)
    pd.testing.assert_frame_equal(rows, mismatch.packets.astype("object"))


def test_a_capture_without_packets_gives_a_table_with_all_columns(tmp_path, mismatch):
    (tmp_path / "node1_eth0.pcap").write_bytes(pcap_header())
    empty = ix.load(tmp_path / "node1_eth0.pcap")
    assert len(empty.packets) == 0
    assert list(empty.packets.columns) == list(mismatch.packets.columns)
    for name in ("exchanges", "sightings", "flows", "findings", "points"):
        assert list(getattr(empty, name).columns) == list(getattr(mismatch, name).columns)


def test_a_file_cut_short_gives_its_packets_and_a_warning(tmp_path):
    frame = bytes(60)
    octets = pcap_header() + pcap_record(Written(frame)) + pcap_record(Written(frame))
    path = tmp_path / "node1_eth0.pcap"
    path.write_bytes(octets[:-10])
    with pytest.warns(ix.CaptureWarning, match="promises 76 octets"):
        packets = ix.load(path).packets
    assert len(packets) == 1


def test_parquet_keeps_types_and_values(tmp_path, mismatch):
    mismatch.save(tmp_path / "packets.parquet", rows=50)
    again = pd.read_parquet(tmp_path / "packets.parquet")
    packets = mismatch.packets
    assert {n: t for n, t in again.dtypes.items() if not isinstance(t, pd.CategoricalDtype)} == {
        n: t for n, t in packets.dtypes.items() if not isinstance(t, pd.CategoricalDtype)
    }
    pd.testing.assert_frame_equal(again.astype("object"), packets.astype("object"))


def test_arrow_tables_have_the_same_values(mismatch):
    exchanges = mismatch.arrow("exchanges").to_pandas()
    pd.testing.assert_frame_equal(exchanges.astype("object"), mismatch.exchanges.astype("object"))

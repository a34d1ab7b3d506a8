"""One frame handed to scapy and to tshark."""

import asyncio
import shutil
import sys

import pytest

from ipipscope.errors import InputError, UsageError
from tests.conftest import ROOT

FILE = ROOT / "captures" / "case-2-outer-source-mismatch" / "captures" / "node2_eth0.pcap"
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None or sys.version_info >= (3, 14),
    reason="no tshark, or no pyshark for this Python",
)


def test_scapy_gets_the_very_octets_and_finds_both_headers(mismatch):
    from scapy.layers.inet import ICMP, IP
    from scapy.utils import RawPcapReader

    with RawPcapReader(str(FILE)) as reader:
        octets = [data for data, _ in reader]
    row = mismatch.where("part == 'echo-reply' and depth == 2 and point == 'node2:eth0'").iloc[0]
    frame = mismatch.frame("node2_eth0.pcap", row.frame)
    assert frame.bytes == octets[row.frame - 1]
    packet = frame.scapy()
    assert (packet[IP].src, packet[IP].payload.src, packet[ICMP].seq) == (row.outer_src, row.inner_src, row.icmp_seq)
    assert float(packet.time) == pytest.approx(row.time.timestamp())


@needs_tshark
def test_pyshark_gives_both_ip_layers_also_inside_a_running_event_loop(mismatch):
    row = mismatch.where("part == 'echo-reply' and depth == 2 and point == 'node2:eth0'").iloc[0]

    async def inside():
        return mismatch.frame(row.file, int(row.frame)).pyshark()

    outer, inner = asyncio.run(inside()).get_multiple_layers("ip")
    assert (outer.src, inner.src) == (row.outer_src, row.inner_src)


def test_a_frame_that_is_not_there_is_said(mismatch):
    with pytest.raises(InputError, match="no frame 999"):
        mismatch.frame("node2_eth0.pcap", 999)
    with pytest.raises(UsageError, match="say which one"):
        mismatch.frame(1)


def test_an_exchange_and_a_finding_show_themselves(mismatch):
    exchange = mismatch.exchange(1)
    assert exchange.details.verdict.code == "IPIP201"
    assert "192.168.0.113" in repr(exchange)
    html = exchange._repr_html_()
    assert "<svg" in html
    assert "IPIP201" in html
    assert "outer-source-mismatch" in mismatch.finding(0)._repr_html_()
    with pytest.raises(IndexError):
        mismatch.exchange(999)


def test_names_from_files_are_escaped_in_a_notebook(tmp_path):
    import ipipscope as ix

    path = tmp_path / "n<script>1_eth0.pcap"
    path.write_bytes(FILE.read_bytes())
    capture = ix.load(path)
    for html in (capture._repr_html_(), capture.triage()._repr_html_(), capture.exchange(1)._repr_html_()):
        assert "<script" not in html
        assert "&lt;script" in html

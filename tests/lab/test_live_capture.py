"""`ipipscope capture` on a node of the laboratory: a real tunl0, real pings, judged while they are sent."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest
from ipipscope.analysis import triage
from ipipscope.capture.filters import Traffic, expression

if TYPE_CHECKING:
    from pathlib import Path

    from .boot import Laboratory

PROFILE, NIC = "ens", "ens192"
WORK = "/run/live"
PROGRAM = "from ipipscope.cli import main; main()"

START = """
rm -rf {work}; mkdir {work}; cd {work}
tcpdump -n -U -Z root -B 4096 -i {nic} -w {nic}.pcap "{ethernet}" 2> {nic}.err < /dev/null > /dev/null &
tcpdump -n -U -Z root -B 4096 -i tunl0 -w tunl0.pcap "{raw}" 2> tunl0.err < /dev/null > /dev/null &
PYTHONPATH=/run/code:{packages} "$LAB_PYTHON" -B -c "{program}" capture {nic} tunl0 -w live.pcapng --node {node} \
    --format ndjson --timeout 1 > out 2> err < /dev/null &
for tick in $(seq 300); do
    [ "$(stat -c %s live.pcapng 2> /dev/null || echo 0)" -gt 300 ] && grep -q listening {nic}.err tunl0.err && break
    sleep 0.2
done
sleep 1
"""
STOP = """
cd {work}
for tick in $(seq 100); do grep -q '"type": "open"' out && break; sleep 0.2; done
cp out out.live
pkill -INT -f '[c]apture {nic} tunl0'
for tick in $(seq 300); do grep -q '"type": "report"' out && break; sleep 0.2; done
sleep 1.5
pkill -INT -x tcpdump
sleep 0.5
cp -r {work} /run/cases/{folder}
"""


def count(file: Path, *options: str) -> int:
    command = ["tshark", "-n", "-r", str(file), *options, "-T", "fields", "-e", "frame.number"]
    return len(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.lab
def test_case_1_is_found_live_on_its_node_and_the_file_holds_what_tcpdump_beside_it_recorded(
    laboratory: Laboratory,
) -> None:
    case = laboratory.record("case1", PROFILE, closed_loop=True)
    node = case.truth["where"]
    words = {
        "work": WORK,
        "nic": NIC,
        "node": node,
        "ethernet": expression(Traffic.ICMP, "ether"),
        "raw": expression(Traffic.ICMP, "ipip"),
        "packages": sysconfig.get_paths()["purelib"],
        "program": PROGRAM,
        "folder": "live-case1",
    }
    pings = [{"node": each["from"], "command": each["command"]} for each in case.truth["exchanges"]["phases"]]
    steps = [{"node": node, "command": START.format(**words)}, *pings, {"node": node, "command": STOP.format(**words)}]
    after = case.mend(steps, timeout=200)
    live = laboratory.folder / "live-case1"
    said = (live / "err").read_text()
    assert after["commands"][0]["code"] == 0, said
    first = json.loads((live / "out.live").read_text().splitlines()[0])
    assert (first["type"], first["code"], first["node"]) == ("open", "IPIP101", node), said
    lines = [json.loads(line) for line in (live / "out").read_text().splitlines()]
    found = [line for line in lines if line["type"] == "finding"]
    triaged = triage([str(live / "live.pcapng")])
    assert [(each["code"], each["node"], each["count"]) for each in found] == [
        (each.code, each.node, each.count) for each in triaged.findings
    ]
    assert found[0]["count"] == sum(each["sent"] for each in case.truth["exchanges"]["phases"])
    assert lines[-1]["summary"]["exchanges"] == triaged.exchanges
    for interface in (NIC, "tunl0"):
        beside = count(live / f"{interface}.pcap")
        assert beside > 10
        assert count(live / "live.pcapng", "-Y", f'frame.interface_name == "{node}:{interface}"') == beside

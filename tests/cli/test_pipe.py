"""Captures that come through a pipe: findings are told before the pipe ends, and the end is that of a file."""

import json
import queue
import signal
import subprocess
import threading

import pytest
from written import Ipv4, Written, echo, ethernet, pcap_header, pcap_record

from .running import CAPTURES, PROGRAM, run

SECOND = 10**6
NODE_A, NODE_B, WRONG = 0xC0A80070, 0xC0A80371, 0xC0A80071
POD_A, POD_B = 0x0A7A1140, 0x0A7A7F80
WAIT = 60
"""Seconds after which a line that does not come fails the test."""


def ping(sequence, ticks, source=WRONG):
    """A request in the tunnel, and its reply, from another address of the node than it was sent to."""
    request = Ipv4(src=NODE_A, dst=NODE_B, proto=4)(Ipv4(src=POD_A, dst=POD_B)(echo(id=9, seq=sequence)))
    reply = Ipv4(src=source, dst=NODE_A, proto=4)(Ipv4(src=POD_B, dst=POD_A)(echo(reply=True, id=9, seq=sequence)))
    return [Written(ethernet(0x0800, request), ticks), Written(ethernet(0x0800, reply), ticks + 300)]


class Piped:
    """`triage -` with what the test writes; its lines as they come."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [*PROGRAM, "triage", "-", "--no-state", "--format", "ndjson", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        self.lines = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def write(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def next(self):
        return self.lines.get(timeout=WAIT)

    def end(self):
        """The lines that are left, what was said on standard error, and the exit status."""
        self.process.stdin.close()
        status = self.process.wait(WAIT)
        said = self.process.stderr.read()
        left = []
        while not left or left[-1]["type"] != "report":
            left.append(self.next())
        return left, said, status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(WAIT)
        self.thread.join(WAIT)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def pings(first, count, **changed):
    sequences = range(first, first + count)
    return b"".join(pcap_record(packet) for n in sequences for packet in ping(n, n * SECOND, **changed))


def test_a_finding_is_told_while_the_pipe_pauses():
    with Piped() as piped:
        piped.write(pcap_header() + pings(1, 20))
        opened = piped.next()
        assert (opened["type"], opened["code"]) == ("open", "IPIP201")
        assert opened["evidence"][0]["file"] == "-"
        piped.write(pings(21, 20))
        told = [piped.next() for _ in range(2)]
        assert ("change", "IPIP201") in [(line["type"], line["code"]) for line in told], told
        left, said, status = piped.end()
    assert [line["type"] for line in left][-2:] == ["finding", "report"]
    assert left[-1]["summary"]["exchanges"] == 40
    assert left[-2]["count"] == 40
    assert status == 0  # IPIP201 alone loses nothing
    assert said == b""


def test_a_finding_closes_when_nothing_new_strikes_it():
    with Piped() as piped:
        piped.write(pcap_header() + pings(1, 10) + pings(11, 40, source=NODE_B))
        left, _, _ = piped.end()
    types = [line["type"] for line in left if line.get("code") == "IPIP201"]
    assert types[0] == "open"
    assert types[-2:] == ["close", "finding"]


@pytest.mark.parametrize("step", [1, 7, 997, 1 << 20])
def test_what_comes_in_pieces_ends_as_the_file_does(step):
    whole = (CAPTURES / "case-1-reply-not-encapsulated" / "merged").glob("*.pcap*")
    octets = next(iter(sorted(whole))).read_bytes()
    octets = octets[: 40 * step] if step < 7 else octets
    with Piped() as piped:
        for at in range(0, len(octets), step):
            piped.write(octets[at : at + step])
        left, said, status = piped.end()
    done = run("triage", "-", "--no-state", "--format", "json", stdin=octets)
    final = json.loads(done.stdout)
    assert [line for line in left if line["type"] == "finding"] == [
        {"type": "finding", **finding} for finding in final.pop("findings")
    ]
    assert left[-1] == {"type": "report", **final}
    assert status == done.returncode
    assert said == done.stderr


def test_an_interrupt_ends_the_reading_with_the_report():
    with Piped() as piped:
        piped.write(pcap_header() + pings(1, 20))
        assert piped.next()["type"] == "open"
        piped.process.send_signal(signal.SIGINT)
        piped.process.wait(WAIT)  # with the pipe still open
        left, said, status = piped.end()
    assert left[-1]["summary"]["exchanges"] == 20
    assert status == 0  # IPIP201 alone loses nothing
    assert said == b""


def test_a_file_as_standard_input_is_read_to_its_end(tmp_path):
    path = tmp_path / "eth1.pcap"
    path.write_bytes(pcap_header() + pings(1, 5))
    with path.open("rb") as stream:
        done = subprocess.run(
            [*PROGRAM, "triage", "-", "--no-state", "--format", "ndjson"],
            stdin=stream,
            capture_output=True,
            check=False,
            timeout=WAIT,
        )
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["exchanges"] == 5

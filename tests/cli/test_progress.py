"""Progress is for people who wait."""

import io
import os
import pty
import subprocess

from ipipscope.cli.progress import Progress, line
from ipipscope.sources import decode
from tests.cli.running import CAPTURES, PROGRAM
from tests.conftest import CaptureFile

TUNL0 = CAPTURES / "healthy" / "captures" / "node3_tunl0.pcap"


def read_through(clock):
    out = io.StringIO()
    progress = Progress(out, clock)
    sources = decode([CaptureFile(str(TUNL0))])
    for _ in sources[0].batches():
        progress(sources)
    progress.close()
    return out.getvalue()


def test_work_under_a_second_shows_nothing():
    assert read_through(iter([0.0, 0.9]).__next__) == ""


def test_longer_work_says_octets_packets_and_rate_and_leaves_a_clean_line():
    said = read_through(iter([0.0, 2.0]).__next__)
    assert "20 packets" in said
    assert "(98 %)" in said  # the file's own header is no packet
    assert said.endswith("\r\x1b[K")


def test_the_time_left_follows_from_the_rate():
    assert (
        line(25_000_000, 100_000_000, 1_000_000, 2.0) == "25 MB of 100 MB (25 %), 1,000,000 packets, 0.50 M/s, 6 s left"
    )
    assert line(25_000_000, None, 1_000_000, 2.0) == "25 MB, 1,000,000 packets, 0.50 M/s"


def test_a_short_triage_on_a_terminal_leaves_standard_error_empty():
    main, side = pty.openpty()
    done = subprocess.run(
        [*PROGRAM, "triage", str(TUNL0)], stdout=subprocess.DEVNULL, stderr=side, check=False, timeout=60
    )
    os.close(side)
    os.set_blocking(main, False)
    try:
        said = os.read(main, 1000)
    except (BlockingIOError, OSError):
        said = b""
    os.close(main)
    assert done.returncode == 0
    assert said == b""

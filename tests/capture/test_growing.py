"""When a file that is followed is at its end."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from ipipscope.capture import growing
from ipipscope.capture.growing import Growing


def read(file) -> tuple[bytes, int]:
    """What stands in it, and how often it was asked in a pause whether to wait for more."""
    pauses = 0

    def goes_on(paused: bool) -> bool:
        nonlocal pauses
        pauses += paused
        return pauses < 200

    octets, buffer = b"", bytearray(100)
    with Growing(str(file), goes_on) as stream:
        while got := stream.readinto(buffer):
            octets += buffer[:got]
    return octets, pauses


def test_a_file_that_rests_is_at_its_end_without_a_wait(tmp_path):
    file = tmp_path / "finished.pcap"
    file.write_bytes(b"x" * 250)
    os.utime(file, (time.time() - 60,) * 2)
    assert read(file) == (b"x" * 250, 1)


def test_a_file_that_was_changed_just_now_may_be_opened_again(tmp_path):
    file = tmp_path / "fresh.pcap"
    file.write_bytes(b"x" * 250)
    octets, pauses = read(file)
    assert octets == b"x" * 250
    assert 2 < pauses <= 1 + (growing.PATIENCE + 1) / growing.PAUSE


def test_a_file_that_rests_but_is_open_for_writing_is_waited_for(tmp_path):
    file = tmp_path / "quiet.pcap"
    with file.open("wb") as out:
        out.write(b"x" * 250)
        out.flush()
        os.utime(file, (time.time() - 60,) * 2)
        asked = []

        def goes_on(paused: bool) -> bool:
            asked.append(paused)
            return sum(asked) < 5

        with Growing(str(file), goes_on) as stream:
            buffer = bytearray(300)
            assert stream.readinto(buffer) == 250
            stream.readinto(buffer)
        assert sum(asked) == 5


@pytest.fixture
def open_folder():
    """One that every user may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("rests", [True, False])
def test_a_file_of_another_user_ends_when_it_does_not_change(open_folder, monkeypatch, rests):
    monkeypatch.setattr(growing, "QUIET", 0.5)
    file = open_folder / "other.pcap"
    file.write_bytes(b"x" * 250)
    if rests:
        os.utime(file, (time.time() - 60,) * 2)
    os.seteuid(65534)
    try:
        assert growing.written(str(file)) is None
        octets, pauses = read(file)
    finally:
        os.seteuid(0)
    assert octets == b"x" * 250
    assert pauses == 1 if rests else 1 < pauses < 20

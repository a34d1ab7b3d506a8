"""A window that moves over a stream of octets: bounded memory, whatever the file's size."""

from __future__ import annotations

from typing import Final, Protocol

from ipipscope.capture.compression import Damage

SIZE: Final = 1 << 20
"""Octets of a window; it grows only for a record that is larger."""


class Stream(Protocol):
    """A binary file, a pipe, or a decompressor around one."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read into *buffer*; 0 at the end."""
        ...


class Window:
    """The octets `octets[start:end]` of a stream; `octets[start]` is octet `offset` of the stream."""

    def __init__(self, stream: Stream, size: int = SIZE) -> None:
        self._stream = stream
        self.octets = bytearray(size)
        self.start = 0
        self.end = 0
        self.offset = 0
        self.ended = False
        self.damage: Damage | None = None
        """Why the stream ended early."""

    def __len__(self) -> int:
        return self.end - self.start

    def forward(self, octets: int) -> None:
        """Leave *octets* behind."""
        self.start += octets
        self.offset += octets

    def fill(self, need: int = 1) -> bool:
        """Read on until at least *need* octets stand in the window; False when the stream ends before that."""
        if len(self) >= need:
            return True
        if self.start:
            # A new buffer, not a move inside the old one: batches that were handed out keep theirs.
            self._renew(len(self.octets))
        while not self.ended:
            if self.end == len(self.octets):
                if len(self) >= need:
                    break
                # What a record claims is not believed before it is there: the window grows step by step.
                self._renew(min(2 * len(self.octets), need + SIZE))
            try:
                got = self._stream.readinto(memoryview(self.octets)[self.end :]) or 0
            except Damage as damage:
                self.damage, got = damage, 0
            self.ended = got == 0
            self.end += got
            if len(self) >= need and got < len(self.octets) // 2:
                break  # a pipe that delivers little by little: hand on what is there
        return len(self) >= need

    def close(self) -> None:
        """Leave the memory to the batches that were handed out: windows of a thousand files that were read add up."""
        self.octets = bytearray()
        self.start = self.end = 0

    def _renew(self, size: int) -> None:
        """Go on in a fresh buffer of *size* octets."""
        fresh = bytearray(size)
        fresh[: len(self)] = memoryview(self.octets)[self.start : self.end]
        self.octets = fresh
        self.start, self.end = 0, len(self)

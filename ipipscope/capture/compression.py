"""Which compression an octet stream has, from its first octets, never from its name."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ipipscope.errors import CaptureUnreadable
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC_LENGTH: Final = 6
STEP: Final = 1 << 14
"""Plain octets of one step, the same for every reader: what a failure costs must not depend on who asks."""
GZIP, BZIP2, XZ, ZSTD, LZ4 = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"


def _zstd(stream: BinaryIO) -> Any:
    try:
        module: Any = importlib.import_module("compression.zstd")  # Python 3.14
    except ImportError:
        module = importlib.import_module("backports.zstd")
    return module.ZstdFile(stream)


def _lz4(stream: BinaryIO) -> Any:
    return importlib.import_module("lz4.frame").LZ4FrameFile(stream)


OPENERS: Final[dict[bytes, tuple[str, Callable[[BinaryIO], Any], str]]] = {
    GZIP: ("gzip", lambda stream: gzip.GzipFile(fileobj=stream), ""),
    BZIP2: ("bzip2", bz2.BZ2File, ""),
    XZ: ("xz", lzma.LZMAFile, ""),
    ZSTD: ("zstd", _zstd, "backports.zstd"),
    LZ4: ("lz4", _lz4, "ipipscope[lz4]"),
}


class Damage(Exception):
    """The compressed data are damaged or end early; what came before is good."""


class _Decompressed:
    """A decompressor whose failures, of many types, all read as `Damage`, after everything that came before them."""

    def __init__(self, stream: Any, kind: str) -> None:
        self._stream, self._kind = stream, kind
        self._left = memoryview(b"")
        self._damage: Damage | None = None

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as far as the data go."""
        filled = 0
        while filled < len(buffer):
            if not self._left:
                self._left = self._part()
                if not self._left:
                    break
            part = self._left[: len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            self._left = self._left[len(part) :]
            filled += len(part)
        if self._damage is not None and not filled:
            raise self._damage
        return filled

    def _part(self) -> memoryview:
        """What one step gives: a longer one would lose more of what was good before a failure."""
        if self._damage is not None:
            return memoryview(b"")
        try:
            return memoryview(self._stream.read1(STEP))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, RuntimeError, ValueError) as failure:
            self._damage = Damage(f"the {self._kind} data are damaged or cut ({failure})")
        except Exception as failure:
            if type(failure).__name__ != "ZstdError":
                raise
            self._damage = Damage(f"the {self._kind} data are damaged or cut ({failure})")
        return memoryview(b"")


class Peeked(io.RawIOBase):
    """A stream whose first octets were read to see what it is."""

    def __init__(self, head: bytes, stream: Any) -> None:
        super().__init__()
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The first octets once more, then the stream's."""
        if self._head:
            part = self._head[: len(buffer)]
            buffer[: len(part)] = part
            self._head = self._head[len(part) :]
            return len(part)
        return self._stream.readinto(buffer) or 0


def peek(stream: Any, octets: int) -> bytes:
    """Up to *octets* from the stream's start; fewer only where it ends."""
    head = b""
    buffer = bytearray(octets)
    while len(head) < octets:
        got = stream.readinto(memoryview(buffer)[: octets - len(head)]) or 0
        if not got:
            break
        head += bytes(buffer[:got])
    return head


def decompressed(stream: Any, name: str) -> tuple[Any, str]:
    """The plain octets of *stream*, and the compression's name ("" for none).

    Raises CaptureUnreadable where the library for it is not installed.
    """
    head = peek(stream, MAGIC_LENGTH)
    whole = Peeked(head, stream)
    for magic, (kind, opener, extra) in OPENERS.items():
        if head.startswith(magic):
            try:
                return _Decompressed(opener(io.BufferedReader(whole, 1 << 17)), kind), kind
            except ImportError:
                raise CaptureUnreadable(
                    name,
                    say("{kind} compression needs a library that is not installed.", kind=kind),
                    say("Try `pip install {extra}`.", extra=extra),
                ) from None
    return whole, ""

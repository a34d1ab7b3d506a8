"""Every exception of ipipscope: each says where it happened and what to do next.

A bad packet is data (`ipipscope.decoder.malformed`); a bad file is one of these. All of them carry their parts as
attributes, for tests and programs, and read as one line for people.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipipscope.language.said import Said, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

STILL_WRITTEN = say("still being written: ")


class IpipscopeError(Exception):
    """Base of all errors that are somebody's input or surroundings, never a fault of ours."""


class UsageError(IpipscopeError):
    """The call asks for something that cannot be: a bad option, a bad name."""


class InputError(IpipscopeError):
    """Something that was to be read could not be, or not to its end.

    source: file name as the user gave it, `-` for standard input.
    problem: what is wrong, without the file name.
    hint: what to do next, a whole sentence; may be empty.
    """

    def __init__(self, source: str, problem: str, hint: str = "") -> None:
        self.source, self.problem, self.hint = source, problem, hint
        super().__init__(source, problem, hint)

    @property
    def said(self) -> Said:
        """The whole of it, for people, in the language that is being written."""
        if self.hint:
            return say("{source}: {problem} {hint}", source=self.source, problem=self.problem, hint=self.hint)
        return say("{source}: {problem}", source=self.source, problem=self.problem)

    def __str__(self) -> str:
        return str(self.said)


@contextmanager
def writing(path: str | PathLike[str]) -> Iterator[None]:
    """While *path*, or what is below it, is written: InputError where that cannot be."""
    try:
        yield
    except OSError as failure:
        raise InputError(str(path), say("cannot be written: {strerror}.", strerror=failure.strerror)) from failure


class CaptureUnreadable(InputError):
    """Not a capture, or one of a kind that cannot be read at all."""


class CaptureDamaged(InputError):
    """A capture that stops making sense at an octet; what stands before it was read.

    frame: number of the record that does not make sense, from 1.
    offset: octets from the start of the (uncompressed) file.
    """

    def __init__(self, source: str, problem: str, hint: str = "", *, frame: int, offset: int) -> None:
        super().__init__(source, problem, hint)
        self.frame, self.offset = frame, offset


class CaptureTruncated(CaptureDamaged):
    """The file ends inside a record.

    promised: octets that the record asks for; present: octets that are there.
    """

    def __init__(self, source: str, *, frame: int, offset: int, promised: int, present: int) -> None:
        self.promised, self.present = promised, present
        before = say("No frame stands before it.")
        if frame > 1:
            before = say("The {count} frames before it are in the report.", count=frame - 1)
        super().__init__(
            source,
            say(
                "frame {frame} at octet {offset} promises {promised} octets, the file ends after {present}.",
                frame=frame,
                offset=offset,
                promised=promised,
                present=present,
            ),
            say("{before} Record with `tcpdump -U` to keep the tail.", before=before),
            frame=frame,
            offset=offset,
        )

    def still_written(self) -> CaptureDamaged:
        """The same of a file that somebody is writing: nothing is lost yet."""
        before = say("The {count} frames", count=self.frame - 1) if self.frame > 1 else say("No frame")
        return CaptureDamaged(
            self.source,
            say(
                "{still_written}frame {frame} at octet {offset} is not complete yet.",
                still_written=STILL_WRITTEN,
                frame=self.frame,
                offset=self.offset,
            ),
            say("{before} before it are in the report. Read it again when the recording has ended.", before=before),
            frame=self.frame,
            offset=self.offset,
        )


class LinkTypeUnsupported(InputError):
    """Frames of this link type are counted, not decoded.

    link_type: number as in the file; name: as tcpdump.org/linktypes.html has it, or the number.
    """

    def __init__(self, source: str, link_type: int, name: str) -> None:
        self.link_type, self.name = link_type, name
        super().__init__(
            source,
            say(
                "link type {name} ({link_type}) is not decoded, its frames are only counted.",
                name=name,
                link_type=link_type,
            ),
            say("Record on an Ethernet, raw IP or `any` interface."),
        )

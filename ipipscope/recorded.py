"""Recording from a notebook or a script: `ipipscope.record`, what `ipipscope capture` records, as a Capture."""

from __future__ import annotations

import tempfile
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ipipscope.capture.filters import Traffic
from ipipscope.capture.recording import STDOUT, Limits
from ipipscope.errors import UsageError
from ipipscope.live.setup import Order, Prepared, prepare
from ipipscope.loaded import CaptureWarning, load
from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from ipipscope.analysis import Analysis
    from ipipscope.live.events import Event
    from ipipscope.live.watched import Watched
    from ipipscope.loaded import Capture


def record(
    interfaces: str | Sequence[str],
    *,
    duration: float | None = None,
    count: int | None = None,
    write: str | PathLike[str] | None = None,
    force: bool = False,
    traffic: str = "icmp",
    filter: str | None = None,  # noqa: A002  (the command's word)
    snaplen: int = 0,
    via: str | None = None,
    on: Mapping[str, str] | None = None,
    node: str | None = None,
    state: bool = True,
    timeout: float = 5.0,
) -> Capture:
    """Record interfaces as `ipipscope capture` does, and return the recording as `load` does.

    It ends after *duration* seconds or *count* packets, whichever is first; with neither, when it is interrupted.
    An interrupt (Ctrl-C, a notebook's stop button) ends the recording early, and what was recorded is returned.

    interfaces: `"eth1"`, or several; `node:interface` on a node that *on* names.
    write: the pcapng file, kept; None for a temporary one, which goes when the Capture does.
    force: overwrite it, and the host state beside it.
    traffic: `icmp` for pings, `handshakes` also TCP's and DNS, `all` for no filter; filter: one of your own instead.
    snaplen: octets of a packet to keep, 0 for all.
    via: record through a command, as `"ssh root@node4"`; on: such commands by node.
    node: the node's name; its host name when not given.
    state: take snapshots of the hosts, for causes and remedies.
    timeout: seconds of capture time within which a reply counts.
    What went wrong while it recorded is said as CaptureWarning.
    Raises UsageError for what cannot be meant, InputError where nothing can be recorded.
    """
    names = [interfaces] if isinstance(interfaces, str) else list(interfaces)
    _check(names, duration, count, write, traffic)
    with ExitStack() as temporary:
        if write is None:
            folder = temporary.enter_context(tempfile.TemporaryDirectory(prefix="ipipscope-"))
            write = Path(folder) / "recorded.pcapng"
        order = Order(
            interfaces=names,
            write=str(write),
            force=force,
            traffic=traffic,
            filter=filter,
            snaplen=snaplen,
            limits=Limits(packets=count),
            duration=duration,
            via=via,
            on=[f"{name}={command}" for name, command in (on or {}).items()],
            node=node,
            timeout=round(timeout * SECOND),
            state=state,
        )
        notes = _Notes()
        analysis = _run(prepare(order), notes)
        for text in dict.fromkeys([*notes.texts, *map(str, analysis.problems)]):
            warnings.warn(text, CaptureWarning, stacklevel=2)
        capture = load(write, state=None if state else [], timeout=timeout)
        weakref.finalize(capture, temporary.pop_all().close)
    return capture


def _check(
    names: Sequence[str], duration: float | None, count: int | None, write: str | PathLike[str] | None, traffic: str
) -> None:
    if not names:
        raise UsageError("record needs interfaces, as in record('eth1')")
    if duration is not None and not 0 < duration < float("inf"):
        raise UsageError(f"duration={duration!r}: seconds, more than 0; None for no limit")
    if count is not None and count < 1:
        raise UsageError(f"count={count!r}: packets, 1 or more; None for no limit")
    if write is not None and str(write) == STDOUT:
        raise UsageError("record writes to a file: name one, or leave write out for a temporary one")
    if traffic not in set(Traffic):
        raise UsageError(f"traffic={traffic!r}: write {', '.join(repr(each.value) for each in Traffic)}")


def _run(prepared: Prepared, notes: _Notes) -> Analysis:
    """Run in a thread of its own: an interrupt of this one tells the recorders to end, and cuts nothing short."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(prepared.run, notes)
        try:
            return running.result()
        except KeyboardInterrupt:
            prepared.session.stop()
            return running.result()


class _Notes:
    """Keeps what happens to the recording itself."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def events(self, events: Sequence[Event]) -> None:
        """The findings are in the Capture that is returned."""

    def note(self, text: str) -> None:
        self.texts.append(text)

    def show(self, watched: Watched) -> None:
        """Nothing to refresh."""

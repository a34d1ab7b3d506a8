"""What is told of interfaces that changed while they were recorded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipipscope.capture.links import Event, Link
    from ipipscope.language.said import Said

TOLD_MAX: Final = 20
"""Changes of one interface that are told: one that goes up and down all day must not fill the report."""


class Changes:
    """Turns events into sentences.

    node: whose interfaces they are; watched: names of those that are told of; links: as they were before.
    """

    def __init__(self, node: str, watched: Iterable[str], links: Iterable[Link]) -> None:
        self._node, self._watched = node, set(watched)
        self._links = {link.index: link for link in links}
        self._told: Counter[str] = Counter()

    def told(self, event: Event) -> Iterator[Said]:
        """What there is to tell of an event."""
        before, after = self._links.pop(event.link.index, None), event.link
        if not event.deleted:
            self._links[after.index] = after
        name = after.name if before is None or after.name in self._watched else before.name
        if name not in self._watched:
            return
        for sentence in self._sentences(name, before, event):
            self._told[name] += 1
            if self._told[name] <= TOLD_MAX:
                yield sentence
            elif self._told[name] == TOLD_MAX + 1:
                yield say(
                    "{place} goes on changing; after {count} changes no more are told.", place=self._place(name),
                    count=TOLD_MAX,
                )  # fmt: skip

    def _place(self, name: str) -> str:
        return f"{self._node}:{name}"

    def _sentences(self, name: str, before: Link | None, event: Event) -> Iterator[Said]:
        after, place, time = event.link, self._place(name), iso(event.time)
        if event.deleted:
            yield say("{place} was deleted at {time}.", place=place, time=time)
            return
        if before is None:
            yield say("{place} appeared at {time}, MTU {mtu}.", mtu=after.mtu, place=place, time=time)
            return
        if before.name != after.name:
            yield say("{before} was renamed to {name} at {time}.", before=self._place(before.name), name=after.name,
                      time=time)  # fmt: skip
        if before.up != after.up:
            yield (
                say("{place} came up at {time}.", place=place, time=time)
                if after.up
                else say("{place} went down at {time}.", place=place, time=time)
            )
        elif before.carrier != after.carrier:
            yield (
                say("{place} got its carrier back at {time}.", place=place, time=time)
                if after.carrier
                else say("{place} lost its carrier at {time}.", place=place, time=time)
            )
        if before.mtu != after.mtu:
            yield say(
                "{place}: MTU {before} until {time}, {after} from then on.",
                before=before.mtu,
                after=after.mtu,
                place=place,
                time=time,
            )

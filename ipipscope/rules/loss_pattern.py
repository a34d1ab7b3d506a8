"""What the losses of a finding have in common, told in words: when they happen, to which sizes, to which flows."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import joined, say, say_of
from ipipscope.model import SECOND, Leg
from ipipscope.rules.over_time import OUTAGE, outages, too_large
from ipipscope.rules.part import slices_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.journey import Journey
    from ipipscope.language.said import Said
    from ipipscope.model import Flow
    from ipipscope.rules.established import Passing
    from ipipscope.rules.part import Part

ENOUGH: Final = OUTAGE
"""Exchanges on both sides of a moment that make it one."""
QUARTERS: Final = 4
EVEN: Final = 12
"""Fewer losses than this say nothing of how evenly they are spread."""
BLOCK: Final = 26
"""Prefix length of Calico's blocks, unless told otherwise (Calico documentation, IP pool, blockSize)."""


class Fates:
    """What became of all exchanges, by flow and by pair of nodes."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.answered: dict[tuple[object, ...], list[Part]] = defaultdict(list)
        """By inner source, destination and protocol."""
        self.began: dict[tuple[IPv4Address, IPv4Address], int] = {}
        """By inner source and destination, when the first exchange began."""
        self.lost_flows: set[tuple[object, ...]] = set()
        self.working: dict[tuple[str | None, str | None], set[tuple[object, ...]]] = defaultdict(set)
        """By requester and replier, the flows that were answered and never lost an exchange."""
        for part in parts:
            flow = part.view.journey.flow
            ends = (flow.src, flow.dst)
            self.began[ends] = min(part.first, self.began.get(ends, part.first))
            if part.lost:
                self.lost_flows.add(_key(flow))
            elif part.arrived and part.view.in_overlay:
                self.answered[_key(flow)].append(part)
                self.working[_nodes(part)].add(_key(flow))
        for flows in self.working.values():
            flows.difference_update(self.lost_flows)

    def answered_of(self, lost: Sequence[Part]) -> list[Part]:
        """What was answered of the flows of *lost*."""
        return [part for key in dict.fromkeys(_key(p.view.journey.flow) for p in lost) for part in self.answered[key]]


def _key(flow: Flow) -> tuple[object, ...]:
    return flow.src, flow.dst, flow.protocol


def _nodes(part: Part) -> tuple[str | None, str | None]:
    """Requester and replier; by outer address where a node was not captured."""
    return part.view.name(Leg.REQUEST), part.view.name(Leg.REQUEST, target=True)


def loss_pattern(
    lost: Sequence[Part], fates: Fates, passing: Passing | None = None, stalls: Sequence[Journey] = ()
) -> Said | str:
    """One sentence or two on when and to what the losses happen; empty where nothing can be said.

    lost: the parts of one finding that were lost.
    passing: what of TCP worked meanwhile between the two nodes of these.
    stalls: connections for which nothing comes back, by the same fault.
    """
    if not lost:
        return ""
    answered = fates.answered_of(lost)
    told = [
        _over_time(lost, answered, fates) if answered else None,
        _among_flows(lost, fates, passing) if not answered and len(stalls) < len(lost) else None,
        passing.said() if passing is not None else None,
        _stalling(stalls) if stalls else None,
    ]
    return joined(" ", [each for each in told if each is not None])


def _stalling(stalls: Sequence[Journey]) -> Said:
    worst = max(stalls, key=lambda journey: journey.repeats)
    return say_of(
        len(stalls),
        "{count} TCP connection stalls: a segment of {octets} octets from {src} to {dst} is sent again {again} times, "
        "and no acknowledgement arrives.",
        "{count} TCP connections stall: in one, a segment of {octets} octets from {src} to {dst} is sent again {again} "
        "times, and no acknowledgement arrives.",
        octets=worst.longest,
        src=worst.flow.src,
        dst=worst.flow.dst,
        again=worst.repeats,
    )


def _over_time(lost: Sequence[Part], answered: Sequence[Part], fates: Fates) -> Said | None:
    if too_large(lost, answered):
        return say(
            "Only large packets are lost: from {shortest} octets on, while those of up to {longest} are answered.",
            shortest=min(part.view.journey.shortest for part in lost),
            longest=max(part.view.journey.longest for part in answered),
        )
    many = min(sum(part.count for part in lost), sum(part.count for part in answered))
    first, last = min(part.first for part in lost), max(part.last for part in lost)
    begin, end = min(part.first for part in answered), max(part.last for part in answered)
    if end < first and many >= ENOUGH:
        return say("From {time} on nothing is answered, before that everything.", time=_clock(first))
    if last < begin and many >= ENOUGH:
        return _until(lost, last, begin, fates)
    spans = outages(lost, answered)
    if spans:
        longest = max(stop - start for start, stop in spans)
        return say_of(
            len(spans),
            "Lost in {count} outage, of about {longest} s, from {time} on.",
            "Lost in {count} outages, the longest of about {longest} s, the first from {time} on.",
            longest=f"{longest / SECOND:.1f}",
            time=_clock(min(start for start, _ in spans)),
        )
    if _even(lost, answered):
        return say("Lost one by one, spread evenly over the capture.")
    return None


def _until(lost: Sequence[Part], last: int, begin: int, fates: Fates) -> Said:
    """Lost until some moment, and answered since."""
    flow = lost[0].view.journey.flow
    turn = fates.began.get((flow.dst, flow.src))
    if turn is not None and min(part.first for part in lost) < turn and last - SECOND < turn <= begin:
        return say(
            "Lost only until traffic goes the other way: {src} asks {dst} at {time}, and from then on all is answered.",
            src=flow.dst,
            dst=flow.src,
            time=_clock(turn),
        )
    return say("Until {time} nothing is answered, from then on everything.", time=_clock(begin))


def _even(lost: Sequence[Part], answered: Sequence[Part]) -> bool:
    """Whether each quarter of the time holds about as large a share of lost exchanges as the others."""
    slices = [(begin, count, count) for begin, _, count in slices_of(lost)]
    total = sum(count for _, count, _ in slices)
    if total < EVEN:
        return False
    slices += [(begin, count, 0) for begin, _, count in slices_of(answered)]
    first, last = min(begin for begin, _, _ in slices), max(begin for begin, _, _ in slices)
    width = (last - first) // QUARTERS + 1
    sent, gone = [0] * QUARTERS, [0] * QUARTERS
    for begin, count, of_them_lost in slices:
        sent[(begin - first) // width] += count
        gone[(begin - first) // width] += of_them_lost
    share = total / sum(sent)
    return all(share / 2 <= of / all_of <= share * 2 for of, all_of in zip(gone, sent, strict=True) if all_of)


def nodes_of(lost: Sequence[Part]) -> tuple[str | None, str | None]:
    """The requester's and the replier's node that all of *lost* have in common; twice None where they have not."""
    pairs = {_nodes(part) for part in lost}
    pair = pairs.pop() if len(pairs) == 1 else (None, None)
    return (None, None) if None in pair else pair


def _among_flows(lost: Sequence[Part], fates: Fates, passing: Passing | None) -> Said | None:
    """Which flows are lost, of those that could be expected to share their fate."""
    flows = list(dict.fromkeys(_key(part.view.journey.flow) for part in lost))
    pair = nodes_of(lost)
    if None in pair:
        return None
    here = fates.working.get(pair, set())
    if here:
        if len(flows) == 1:
            src, dst, protocol = flows[0]
            return say_of(
                len(here),
                "Only {src} > {dst} {protocol} is lost: {count} other flow between these nodes is answered.",
                "Only {src} > {dst} {protocol} is lost: {count} other flows between these nodes are answered.",
                src=src,
                dst=dst,
                protocol=protocol,
            )
        block = _block({flow.dst for flow in (part.view.journey.flow for part in lost)}, {key[1] for key in here})
        if block is not None:
            return say("Only addresses of {block} are lost: others on {node} are answered.", block=block, node=pair[1])
        return None
    if passing is not None:
        if len(flows) > 1:
            return None
        src, dst, protocol = flows[0]
        return say("Only {src} > {dst} {protocol} is lost.", src=src, dst=dst, protocol=protocol)
    others = [each for each, working in fates.working.items() if working and None not in each and each[0] != each[1]]
    if others and any(set(each) & set(pair) for each in others):
        requester, replier = pair
        return say_of(
            len(others),
            "Only from {requester} to {replier}: {count} other pair of nodes works.",
            "Only from {requester} to {replier}: {count} other pairs of nodes work.",
            requester=requester,
            replier=replier,
        )
    return None


def _block(lost: set[IPv4Address], working: set[object]) -> IPv4Network | None:
    """The network of at most a block's size that holds all lost destinations and none of the others."""
    if len(lost) < 2:
        return None
    network = IPv4Network((int(min(lost)), BLOCK), strict=False)
    if any(address not in network for address in lost) or any(address in network for address in working):
        return None
    return network


def _clock(time: int) -> str:
    """Time of day, UTC."""
    milliseconds = time // 1_000_000 % 86_400_000
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03} UTC"

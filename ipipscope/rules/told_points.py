"""Points whose node nobody tells: beside others, what they show proves nothing of any node.

A file of which neither name nor content tells the node is a node of its own: alone, or among its like, that claims
nothing. Beside points of known nodes it may be of one of these, and what one node both sends and receives would look
like two. So then the points that are told are judged by themselves, as if the others had not been recorded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ipipscope.correlator.journey import by_leg

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.stations import Station
    from ipipscope.model import CapturePoint


def untold(points: Collection[CapturePoint]) -> set[CapturePoint]:
    """The points that are left out of the judgement: those of unknown nodes, beside others that are known."""
    found = {point for point in points if not point.told}
    return found if len(found) < len(points) else set()


def told_points(correlation: Correlation) -> tuple[Correlation, list[Journey]]:
    """What the points that are told show, and the journeys that none of them saw."""
    left_out = untold(correlation.tallies)
    if not left_out:
        return correlation, []
    journeys = told_of(correlation.journeys, correlation.stations, left_out)
    seen = {journey.row for journey in journeys}
    unseen = [journey for journey in correlation.journeys if journey.row not in seen]
    told = replace(
        correlation,
        journeys=journeys,
        tallies={point: each for point, each in correlation.tallies.items() if point not in left_out},
        roles={point: each for point, each in correlation.roles.items() if point not in left_out},
        recorded={point: each for point, each in correlation.recorded.items() if point not in left_out},
    )
    return told, unseen


def told_of(
    journeys: Iterable[Journey], stations: Sequence[Station], left_out: Collection[CapturePoint]
) -> list[Journey]:
    """The journeys without what was seen at some points, and not those that were seen nowhere else."""
    kept = {station.number for station in stations if station.point not in left_out}
    found = []
    for journey in journeys:
        sightings = tuple(look for look in journey.sightings if look.station in kept)
        if sightings:
            whole = sightings == journey.sightings
            found.append(journey if whole else replace(journey, sightings=sightings, legs=by_leg(sightings)))
    return found

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
    from collections.abc import Collection

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.journey import Journey
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
    kept = {station.number for station in correlation.stations if station.point not in left_out}
    journeys, unseen = [], []
    for journey in correlation.journeys:
        sightings = tuple(look for look in journey.sightings if look.station in kept)
        if sightings:
            journeys.append(
                journey
                if sightings == journey.sightings
                else replace(journey, sightings=sightings, legs=by_leg(sightings))
            )
        else:
            unseen.append(journey)
    told = replace(
        correlation,
        journeys=journeys,
        tallies={point: each for point, each in correlation.tallies.items() if point not in left_out},
        roles={point: each for point, each in correlation.roles.items() if point not in left_out},
        recorded={point: each for point, each in correlation.recorded.items() if point not in left_out},
    )
    return told, unseen

"""Plots of captures: a timeline, ladders, distributions and matrices, as matplotlib draws them.

Each function takes a capture of `ipipscope.load`, draws on *ax* or on a new figure, and returns the Axes, so that
everything of matplotlib goes on working on it. Needs matplotlib: `pip install 'ipipscope[plots]'`.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.errors import UsageError
from ipipscope.model import Leg
from ipipscope.report.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from ipipscope.loaded import Capture
    from ipipscope.report.ladder import Ladder

COLOURS: Final = {
    "answered": "#2f9e62",
    "unanswered": "#e5484d",
    "undecided": "#8a94a3",
    "request": "#3b82c4",
    "reply": "#2f9e62",
    "error": "#b7791f",
}
"""As in the HTML report."""
LINES: Final = 5
"""More distributions than this are drawn as boxes."""
CELLS_LABELLED: Final = 400
"""Matrices with more cells than this carry no numbers."""


def timeline(capture: Capture, ax: Axes | None = None, *, slices: int = 60) -> Axes:
    """Exchanges over time, stacked by verdict; a line below for each finding.

    slices: how many bars.
    """
    ax = _axes(ax, (9, 3))
    exchanges = capture.exchanges
    began = exchanges["request"].fillna(exchanges["reply"])
    origin = began.min()
    seconds = (began - origin).dt.total_seconds().to_numpy(float)
    words = ("answered", "unanswered", "undecided")
    verdict = exchanges["verdict"].astype("object").to_numpy()
    present = [word for word in words if (verdict == word).any()]
    if present:
        ax.hist(
            [seconds[verdict == word] for word in present],
            bins=slices,
            stacked=True,
            color=[COLOURS[word] for word in present],
            label=present,
        )
        ax.legend(loc="upper right", frameon=False)
        ax.set_xlabel(f"seconds since {origin:%Y-%m-%d %H:%M:%S.%f} UTC")
    ax.set_ylabel("exchanges")
    ax.set_title("Exchanges by verdict")
    low, high = ax.get_ylim()
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= high and tick == int(tick)])
    for place, finding in enumerate(capture.triage().findings):
        if present and finding.last:
            ends = [(time - origin.value) / 1e9 for time in (finding.first, finding.last)]
            depth = low - (place + 1) * 0.12 * (high - low)
            ax.plot(ends, [depth, depth], color=COLOURS["unanswered"], linewidth=3, solid_capstyle="butt")
            ax.annotate(_plain(f"{finding.code} "), (ends[0], depth), ha="right", va="center", fontsize="small")
    return ax


def ladder(capture: Capture, number: int, ax: Axes | None = None) -> Axes:
    """Exchange *number* as a ladder: capture points from left to right in path order, a row for each sighting.

    Rows are evenly spaced, their times stand at the left: within a node microseconds pass, between nodes milliseconds.
    Raises IndexError where there is no such exchange.
    """
    from ipipscope.report.ladder import ladder as make  # noqa: PLC0415

    drawn = make(capture.analysis, number)
    columns = drawn.picture.columns if drawn.picture else []
    ax = _axes(ax, (max(5.0, 1.35 * len(columns) + 2), max(2.4, 0.34 * len(drawn.rungs) + 1.4)))
    for place, column in enumerate(columns):
        ax.axvline(place, color="#8a94a3", linewidth=0.8, zorder=0)
        ax.text(
            place,
            -0.9,
            f"{_plain(column.node or '?')}\n{_plain(column.label)}",
            ha="center",
            va="bottom",
            fontsize="small",
        )
    _rungs(ax, drawn)
    exchange = drawn.exchange
    rule = f", {exchange.verdict.code}" if exchange.verdict.code else ""
    ax.set_title(
        _plain(f"Exchange {number}: {exchange.flow.src} > {exchange.flow.dst}, {exchange.verdict.word}{rule}"), pad=34
    )
    ax.set_ylim(len(drawn.rungs) - 0.3, -0.8)
    ax.set_xlim(-0.6, max(0.6, len(columns) - 0.4))
    ax.set_xticks([])
    for side in ("top", "right", "bottom", "left"):
        ax.spines[side].set_visible(False)
    return ax


def _rungs(ax: Axes, drawn: Ladder) -> None:
    ticks, labels = [], []
    before: dict[Leg, tuple[int, int]] = {}
    for row, rung in enumerate(drawn.rungs):
        if rung.column is None:
            continue
        colour = COLOURS.get(rung.leg.value, COLOURS["error"])
        missing = rung.time is None
        if rung.leg in before:
            start = before[rung.leg]
            style = {"linestyle": "--" if missing else "-", "linewidth": 2 if rung.outer and not missing else 1}
            ax.annotate(
                "",
                (rung.column, row),
                start,
                arrowprops={"arrowstyle": "->", "color": COLOURS["unanswered"] if missing else colour, **style},
            )
        mark = "x" if missing else "o"
        ax.plot(rung.column, row, mark, color=COLOURS["unanswered"] if missing else colour, markersize=7)
        if rung.outer and not missing:
            words = f"{rung.outer.src} > {rung.outer.dst}"
            side = -1 if rung.leg is Leg.REPLY else 1  # the side to which the next arrow leaves
            ax.annotate(
                words,
                (rung.column, row),
                (6 * side, 5),
                textcoords="offset points",
                fontsize="x-small",
                ha="left" if side > 0 else "right",
            )
        ticks.append(row)
        labels.append("missing" if rung.time is None else f"+{(rung.time - drawn.began) / 1000:,.0f} µs")
        before[rung.leg] = (rung.column, row)
    ax.set_yticks(ticks, labels, fontsize="small")


def rtt(capture: Capture, ax: Axes | None = None, *, bins: int = 40) -> Axes:
    """How long answers took: round trips by pair of nodes, on a logarithmic scale."""
    ax = _axes(ax, (7.5, 3.6))
    exchanges = capture.exchanges
    known = exchanges[exchanges["rtt"].notna() & (exchanges["rtt"].dt.total_seconds() > 0)]
    milliseconds = known["rtt"].dt.total_seconds().to_numpy(float) * 1e3
    pairs = _pairs(known)
    if len(set(pairs)) > LINES:
        _boxes(ax, [(pair, milliseconds[pairs == pair]) for pair in sorted(set(pairs))])
        ax.set_xlabel("ms")
    else:
        _lines(ax, milliseconds, pairs, bins)
    ax.set_title("Round-trip times, by requester and replier")
    return ax


def hop_delays(capture: Capture, ax: Axes | None = None) -> Axes:
    """How long each hop took: a box for each pair of neighbouring sightings of a leg, on a logarithmic scale.

    Hops between nodes hold the difference of the nodes' clocks; negative ones are left out.
    """
    seen = capture.sightings
    seen = seen[seen["leg"].isin([Leg.REQUEST.value, Leg.REPLY.value])]
    ordered = seen.sort_values(["exchange", "leg", "time", "step"], kind="stable")
    same = (ordered["exchange"] == ordered["exchange"].shift()) & (ordered["leg"] == ordered["leg"].shift())
    delay = (ordered["time"] - ordered["time"].shift()).dt.total_seconds() * 1e6
    hop = ordered["point"].astype("object").shift() + " > " + ordered["point"].astype("object")
    hop = ordered["leg"].astype("object") + " " + hop
    table = hop[same].to_frame("hop").assign(delay=delay[same])
    table = table[table["delay"] > 0]
    groups = sorted(table.groupby("hop", sort=False), key=lambda pair: pair[1]["delay"].median())[-24:]
    ax = _axes(ax, (8, 1.3 + 0.26 * len(groups)))
    _boxes(ax, [(str(name), group["delay"].to_numpy(float)) for name, group in groups])
    ax.set_xlabel("µs")
    ax.set_title("Delay of each hop")
    return ax


def answered(capture: Capture, ax: Axes | None = None) -> Axes:
    """The share of exchanges that were answered, requester's node down, replier's node across."""
    import pandas as pd  # noqa: PLC0415

    exchanges = capture.exchanges
    decided = exchanges[exchanges["verdict"] != "undecided"]
    requester, replier = _known(decided["requester"]), _known(decided["replier"])
    told = pd.DataFrame({"from": requester, "to": replier, "share": decided["verdict"] == "answered"})
    share = told.pivot_table(index="from", columns="to", values="share", aggfunc="mean")
    ax = _matrix(ax, share, "answered", "RdYlGn", (0, 1), "{:.0%}")
    ax.set_ylabel("requester")
    ax.set_xlabel("replier")
    ax.set_title("Answered exchanges")
    return ax


def outer_addresses(capture: Capture, ax: Axes | None = None) -> Axes:
    """Who sends IPIP from which address to whom: packets by outer source (down) and outer destination (across).

    Each packet counts at every NIC that recorded it. Where replies mirror requests, the matrix is symmetric.
    """
    outer = capture.where("outer_src is not None")
    counts = outer.pivot_table(index="outer_src", columns="outer_dst", values="frame", aggfunc="count", observed=True)
    nodes = capture.nodes
    both = sorted({*counts.index, *counts.columns}, key=IPv4Address)
    counts = counts.reindex(index=both, columns=both)
    counts.index = counts.columns = [_named(address, nodes) for address in both]
    ax = _matrix(ax, counts, "packets", "Blues", (0, None), "{:.0f}")
    ax.set_ylabel("outer source")
    ax.set_xlabel("outer destination")
    ax.set_title("IPIP packets by outer addresses")
    return ax


def _matrix(
    ax: Axes | None, table: pd.DataFrame, label: str, colours: str, limits: tuple[float, float | None], form: str
) -> Axes:
    rows, columns = table.shape
    ax = _axes(ax, (2.8 + 0.95 * columns, 1.8 + 0.5 * rows))
    values = table.to_numpy(float)
    image = ax.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    if rows * columns <= CELLS_LABELLED:
        top = np.nanmax(values) if np.isfinite(values).any() else 1
        for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
            dark = colours == "Blues" and values[row, column] > 0.6 * top
            text = form.format(values[row, column])
            ax.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize="small")
    ax.set_xticks(range(columns), [_plain(name) for name in table.columns], rotation=35, ha="right")
    ax.set_yticks(range(rows), [_plain(name) for name in table.index])
    ax.figure.colorbar(image, ax=ax, label=label)
    return ax


def _boxes(ax: Axes, groups: Sequence[tuple[str, Any]]) -> None:
    """A box for each group, the first at the bottom."""
    if groups:
        names = [_plain(f"{name} ({len(values)})") for name, values in groups]
        ax.boxplot([values for _, values in groups], orientation="horizontal", sym=".", tick_labels=names)
        ax.set_xscale("log")
        ax.tick_params(axis="y", labelsize="small")


def _lines(ax: Axes, values: Any, groups: Any, bins: int) -> None:
    if not len(values):
        return
    edges = np.geomspace(values.min() * 0.98, values.max() * 1.02, bins)
    for group in sorted(set(groups)):
        mine = values[groups == group]
        ax.hist(mine, bins=edges.tolist(), histtype="step", linewidth=1.5, label=_plain(f"{group} ({len(mine)})"))
    ax.set_xscale("log")
    ax.set_xlabel("ms")
    ax.set_ylabel("exchanges")
    ax.legend(frameon=False, fontsize="small")


def _pairs(exchanges: pd.DataFrame) -> Any:
    return (_known(exchanges["requester"]) + " > " + _known(exchanges["replier"])).to_numpy()


def _known(nodes: pd.Series[Any]) -> pd.Series[Any]:
    return nodes.astype("object").fillna("unknown")


def _named(address: str, nodes: dict[str, str]) -> str:
    return f"{address} ({nodes[address]})" if address in nodes else str(address)


def _plain(text: object) -> str:
    """Foreign text without control characters, and without what matplotlib takes for a formula."""
    return inert(text).replace("$", r"\$")


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'ipipscope[plots]'") from error
    return plt.subplots(figsize=size, layout="constrained")[1]

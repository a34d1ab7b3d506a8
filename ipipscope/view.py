"""A case on the terminal, to walk through: findings, exchanges and points above, what is chosen in full below."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from ipipscope.errors import IpipscopeError
from ipipscope.frames import frame
from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.report.frame_text import write_frame
from ipipscope.report.inert import inert
from ipipscope.report.kept_exchanges import KeptExchanges
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import flow_text, write_ladder
from ipipscope.report.terminal import verdict_line, write_text
from ipipscope.report.times import clock, lasting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipipscope.analysis import Analysis, Exchange
    from ipipscope.report.lines import Line

ROWS_MAX: Final = 5_000
"""Exchanges in the list; of more, an even choice of every verdict."""
TABS: Final = ("findings", "exchanges", "points")
COLUMNS: Final = {
    "findings": ("", say("rule"), say("impact"), say("confidence"), say("exchanges"), say("where")),
    "exchanges": (say("no."), say("time (UTC)"), say("flow"), say("verdict"), say("rule"), say("answered after")),
    "points": (
        say("node"),
        say("interface"),
        say("role"),
        say("packets"),
        "ipip",
        say("first (UTC)"),
        say("last (UTC)"),
    ),
}
TITLES: Final = {"findings": say("Findings"), "exchanges": say("Exchanges"), "points": say("Points")}
STYLES: Final = {"answered": "green", "unanswered": "bold red", "undecided": "yellow"}


class CaseView(App[None]):
    """Moves as less and Wireshark do; the footer names the keys."""

    CSS = """
    #verdict { height: auto; padding: 0 1; text-style: bold; }
    TabbedContent { height: 40%; }
    #detail { height: 1fr; border-top: solid $primary; padding: 0 1; }
    #filter { display: none; }
    #filter.open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("1,f1", "tab('findings')", "findings", key_display="1"),
        Binding("2,f2", "tab('exchanges')", "exchanges", key_display="2"),
        Binding("3,f3", "tab('points')", "points", key_display="3"),
        Binding("j", "move(1)", "down", show=False),
        Binding("k", "move(-1)", "up", show=False),
        Binding("g", "end(0)", "first", show=False),
        Binding("G", "end(1)", "last", show=False),
        Binding("n", "struck(1)", "next fault"),
        Binding("N", "struck(-1)", "previous", key_display="N"),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("escape", "unfilter", "all", show=False),
        Binding("f", "frame(1)", "frame"),
        Binding("F", "frame(-1)", "frame before", show=False),
        Binding("l", "ladder", "ladder"),
        Binding("space,pagedown", "page(1)", "page", key_display="space"),
        Binding("b,pageup", "page(-1)", "back", show=False),
    ]

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        self.analysis = analysis
        self._kept = KeptExchanges(analysis)
        self._numbers = self._kept.sample(ROWS_MAX)
        self._words = ""
        self._frame = -1

    def compose(self) -> ComposeResult:
        """Verdict, lists, filter, detail, keys."""
        yield Static(Text(verdict_line(self.analysis.report)), id="verdict")
        with TabbedContent(initial="findings" if self.analysis.findings else "exchanges"):
            for name in TABS:
                with TabPane(told(TITLES[name]), id=name):
                    yield DataTable(id=f"{name}-table", cursor_type="row", zebra_stripes=True)
        yield Input(placeholder=told(say("address, verdict, IPIP101 …")), id="filter")
        with VerticalScroll(id="detail", can_focus=True):
            yield Static(id="told")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the lists."""
        for name in TABS:
            self._table(name).add_columns(*map(told, COLUMNS[name]))
        for place, finding in enumerate(self.analysis.findings):
            where = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
            impact, confidence = told(say(finding.impact.value)), told(say(finding.confidence.value))
            cells = (place + 1, f"{finding.code} {finding.rule}", impact, confidence, finding.count, where)
            self._add("findings", place, cells)
        for place, point in enumerate(self.analysis.report.points):
            ipip = sum(count for kind, count in point.kinds.items() if kind.startswith("ipip"))
            times = ["-" if time is None else clock(time) for time in (point.first, point.last)]
            named = (point.point.node, point.point.interface, told(say(point.role.value)))
            self._add("points", place, (*named, point.packets, ipip, *times))
        self._fill_exchanges()
        self._table(self._tab).focus()

    @property
    def _tab(self) -> str:
        return self.query_one(TabbedContent).active

    def _table(self, name: str) -> DataTable[Text]:
        return self.query_one(f"#{name}-table", DataTable)

    def _add(self, name: str, key: int, cells: Iterable[object], style: str = "") -> None:
        self._table(name).add_row(*(Text(inert(cell), style=style) for cell in cells), key=str(key))

    def _fill_exchanges(self) -> None:
        """The exchanges in which every word of the filter stands."""
        table = self._table("exchanges")
        table.clear()
        words = self._words.lower().split()
        for number in self._numbers:
            exchange = self.analysis.exchange(number)
            cells = _cells(exchange)
            text = " ".join(map(str, cells)).lower()
            if all(word in text for word in words):
                self._add("exchanges", number, cells, STYLES[exchange.verdict.word])
        total = len(self._kept.time)
        shown = say("Exchanges ({shown} of {total})", shown=table.row_count, total=total)
        if self._words:
            shown = say(
                "Exchanges ({shown} of {total}, filter: {words})",
                shown=table.row_count,
                total=total,
                words=self._words,
            )
        self.query_one(TabbedContent).get_tab("exchanges").label = Text(told(shown))

    # --- what is shown below ---------------------------------------------------------------------------------------

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of the row under the cursor."""
        self._frame = -1
        if event.data_table.id == f"{self._tab}-table":
            self._tell()

    def on_tabbed_content_tab_activated(self) -> None:
        """Another list: its table has the keys, unless the filter asks for words."""
        if not self.query_one("#filter", Input).has_class("open"):
            self._table(self._tab).focus()
        self._frame = -1
        self._tell()

    def _chosen(self) -> int | None:
        table = self._table(self._tab)
        if not table.row_count:
            return None
        return int(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or 0)

    def _tell(self) -> None:
        chosen = self._chosen()
        width = max(60, self.size.width - 4)
        if chosen is None:
            lines: Iterable[Line] = [[(told(say("nothing here")), "dim")]]
        elif self._tab == "findings":
            out = io.StringIO()
            finding = self.analysis.report.findings[chosen]
            write_text(replace(self.analysis.report, findings=(finding,)), out, width=width, colour=True, verbose=True)
            self._show(Text.from_ansi(out.getvalue()))
            return
        elif self._tab == "exchanges":
            lines = write_ladder(ladder(self.analysis, chosen), width, len(self._kept.time))
        else:
            point = self.analysis.report.points[chosen]
            kinds = ", ".join(f"{count} {kind}" for kind, count in point.kinds.items())
            lines = [
                [(f"{point.point}", "bold")],
                [(kinds or told(say("no packets")), "")],
                *([(file, "dim")] for file in point.files),
            ]
        self._show(_text(lines))

    def _show(self, text: Text) -> None:
        self.query_one("#told", Static).update(text)
        self.query_one("#detail", VerticalScroll).scroll_home(animate=False)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show one of the lists."""
        self.query_one(TabbedContent).active = name

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        table = self._table(self._tab)
        table.move_cursor(row=table.cursor_row + rows)

    def action_end(self, last: int) -> None:
        """Go to the first or the last row."""
        table = self._table(self._tab)
        table.move_cursor(row=table.row_count - 1 if last else 0)

    def action_struck(self, step: int) -> None:
        """Go to the next exchange that a rule struck."""
        self.action_tab("exchanges")
        table = self._table("exchanges")
        row = table.cursor_row + step
        while 0 <= row < table.row_count:
            number = int(list(table.rows)[row].value or 0)
            if self._kept.finding[number - 1] >= 0:
                table.move_cursor(row=row)
                return
            row += step
        self.bell()

    def action_page(self, pages: int) -> None:
        """Scroll what is told."""
        detail = self.query_one("#detail", VerticalScroll)
        detail.scroll_relative(y=pages * max(1, detail.size.height - 2), animate=False)

    def action_ladder(self) -> None:
        """Back from a frame to the ladder."""
        self._frame = -1
        self._tell()

    def action_frame(self, step: int) -> None:
        """Take the exchange's next frame apart."""
        chosen = self._chosen()
        if self._tab != "exchanges" or chosen is None:
            self.bell()
            return
        sightings = self.analysis.exchange(chosen).sightings
        self._frame = (self._frame + step) % len(sightings) if self._frame >= 0 or step > 0 else len(sightings) - 1
        seen = sightings[self._frame]
        file = self.analysis.files[seen.source]
        place = say(
            "frame {place} of {count} of exchange {number}; l: ladder",
            place=self._frame + 1,
            count=len(sightings),
            number=chosen,
        )
        head: Line = [(told(place), "dim")]
        try:
            found = frame(f"{file}:{seen.frame}", [], {})
        except IpipscopeError as problem:
            self._show(_text([head, [(str(problem), "red")]]))
            return
        self._show(_text([head, *write_frame(found, None)]))

    def action_filter(self) -> None:
        """Ask for words that an exchange must have."""
        self.action_tab("exchanges")
        field = self.query_one("#filter", Input)
        field.add_class("open")
        field.focus()

    def action_unfilter(self) -> None:
        """Show all exchanges again."""
        self._words = ""
        self.query_one("#filter", Input).value = ""
        self._close_filter()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show what fits."""
        self._words = event.value
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("open")
        self._fill_exchanges()
        self._table(self._tab).focus()
        self._tell()


def _text(lines: Iterable[Line]) -> Text:
    return Text("\n").join(Text.assemble(*((inert(words), style) for words, style in line)) for line in lines)


def _cells(exchange: Exchange) -> tuple[object, ...]:
    request, reply = exchange.request, exchange.reply
    answered = exchange.verdict.answered and request and reply
    trip = lasting(reply - request) if answered and request and reply else ""
    began = clock(request or reply or 0)
    return (
        exchange.number,
        began,
        flow_text(exchange),
        told(say(exchange.verdict.word)),
        exchange.verdict.code or "",
        trip,
    )

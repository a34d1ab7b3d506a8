"""The view's screen and keys: lists above, what is chosen in full below; while captures grow, both follow."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import App
from textual.containers import VerticalScroll
from textual.coordinate import Coordinate
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from ipipscope.errors import IpipscopeError
from ipipscope.frames import frame
from ipipscope.language.said import counted, say
from ipipscope.language.told import told
from ipipscope.report.frame_text import write_frame
from ipipscope.report.inert import inert
from ipipscope.report.kept_exchanges import KeptExchanges
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import write_ladder
from ipipscope.report.lines import ascii_text
from ipipscope.report.terminal import verdict_line, write_text
from ipipscope.report.times import clock
from ipipscope.view.rows import Row, exchange_rows, finding_rows, matching, point_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.app import ComposeResult

    from ipipscope.analysis import Analysis
    from ipipscope.language.said import Said
    from ipipscope.live.follow import Followed, Follower
    from ipipscope.report.lines import Line

ROWS_MAX: Final = 5_000
"""Exchanges in the list; of more, an even choice of every verdict."""
LATEST_MAX: Final = 1_000
"""Of a capture that grows: the latest ones, for the list is drawn again and again."""
LOOK: Final = 0.25
"""Seconds between looks for something new."""
SHARE: Final = 10
"""Drawing takes at most one part in so many of the time."""
CHANGED_MAX: Final = 200
"""Rows that are changed one by one; where there are more, the list is filled anew."""
TABS: Final = ("findings", "exchanges", "points")
COLUMNS: Final = {
    "findings": ("", say("rule"), say("where"), say("exchanges"), say("impact"), say("confidence")),
    "exchanges": (say("no."), say("time (UTC)"), say("verdict"), say("rule"), say("after"), say("flow")),
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


KEYS: Final = (
    ("q", "quit", say("quit"), "q"),
    ("1,f1", "tab('findings')", say("lists"), "1 2 3"),
    ("2,f2", "tab('exchanges')", "", ""),
    ("3,f3", "tab('points')", "", ""),
    ("j", "move(1)", "", ""),
    ("k", "move(-1)", "", ""),
    ("g", "end(0)", "", ""),
    ("G", "end(1)", "", ""),
    ("n", "struck(1)", say("fault"), "n N"),
    ("N", "struck(-1)", "", ""),
    ("slash", "filter", say("filter"), "/"),
    ("escape", "unfilter", "", ""),
    ("f", "frame(1)", say("frame"), "f p"),
    ("p", "frame(-1)", "", ""),
    ("l", "ladder", say("ladder"), "l"),
    ("F", "follow", say("follow"), "F"),
    ("space,pagedown", "page(1)", say("page"), "space"),
    ("b,pageup", "page(-1)", "", ""),
)
"""Keys, what they do, and what the footer says of those that it names."""


class PlainScrollBar(ScrollBarRender):
    """Without the blocks that cut its ends finer than characters."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.VERTICAL_BARS)
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.HORIZONTAL_BARS)


class CaseView(App[None]):
    """Moves as less and Wireshark do; the footer names the keys."""

    CSS = """
    #verdict { height: auto; max-height: 2; padding: 0 1; text-style: bold; }
    #following { display: none; height: auto; max-height: 2; padding: 0 1; }
    #following.open { display: block; }
    TabbedContent { height: 40%; }
    #detail { height: 1fr; border-top: solid $primary; padding: 0 1; }
    #filter { display: none; }
    #filter.open { display: block; }
    CaseView.ascii #detail { border-top: ascii $primary; }
    CaseView.ascii #filter { border: ascii $primary; }
    CaseView.ascii Underline { display: none; }
    CaseView.ascii Tab.-active { text-style: reverse; }
    """

    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        analysis: Analysis | None,
        *,
        follower: Callable[[], Follower] | None = None,
        follow: bool = False,
        unicode: bool = True,
    ) -> None:
        """Show *analysis*, or with *follow* what *follower* gives.

        follower: makes one that reads the captures as they grow; None where that cannot be done.
        unicode: else ASCII alone.
        """
        super().__init__()
        self.analysis = analysis
        self._kept = KeptExchanges(analysis) if analysis else None
        self._rows: dict[str, list[Row]] = {name: [] for name in TABS}
        self._words = ""
        self._frame = -1
        self._told: tuple[str, object] | None = None
        self._follower_of = follower
        self._follower: Follower | None = None
        self._follows = follow
        self._shown: Followed | None = None
        self._at_end = False
        self._next = 0.0
        self._unicode = unicode
        for keys, action, does, shown in KEYS:
            self.bind(keys, action, description=told(does), show=bool(does), key_display=shown or None)
        if not unicode:
            self.add_class("ascii")
            ScrollBar.renderer = PlainScrollBar

    def compose(self) -> ComposeResult:
        """Verdict, lists, filter, detail, keys."""
        yield Static(id="verdict")
        yield Static(id="following")
        findings = self.analysis is None or bool(self.analysis.findings)
        with TabbedContent(initial="findings" if findings else "exchanges"):
            for name in TABS:
                with TabPane(told(TITLES[name]), id=name):
                    yield DataTable(id=f"{name}-table", cursor_type="row", zebra_stripes=True)
        yield Input(placeholder=self._plain(told(say("address, verdict, IPIP101 …"))).plain, id="filter")
        with VerticalScroll(id="detail", can_focus=True):
            yield Static(id="told")
        footer = Footer()
        footer.compact = True
        yield footer

    def on_mount(self) -> None:
        """Fill the lists."""
        for name in TABS:
            self._table(name).add_columns(*map(told, COLUMNS[name]))
        self._fill()
        self._table(self._tab).focus()
        if self._follows:
            self._begin()

    @property
    def _there(self) -> bool:
        """False while it is being closed: what was asked for before still comes."""
        return bool(self.query(TabbedContent)) and bool(self.query("#told"))

    @property
    def _tab(self) -> str:
        return self.query_one(TabbedContent).active

    def _table(self, name: str) -> DataTable[Text]:
        return self.query_one(f"#{name}-table", DataTable)

    # --- lists -----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Everything, from the analysis; each cursor stays on what it is on."""
        if self.analysis is None:
            self.query_one("#verdict", Static).update(self._plain(told(say("nothing is read yet"))))
            self._tell()
            return
        self.query_one("#verdict", Static).update(self._plain(verdict_line(self.analysis.report)))
        self._put("findings", finding_rows(self.analysis))
        self._put("points", point_rows(self.analysis))
        self._fill_exchanges()
        self._tell()

    def _fill_exchanges(self) -> None:
        """The exchanges in which every word of the filter stands."""
        if self.analysis is None or self._kept is None:
            return
        numbers = matching(self.analysis, self._kept, self._words)
        many = len(numbers)
        if self._follower is not None:
            chosen: Sequence[int] = numbers[-LATEST_MAX:].tolist()
        else:
            chosen = self._kept.sample(ROWS_MAX, numbers - 1)
        self._put("exchanges", exchange_rows(self.analysis, self._kept, chosen))
        shown, total = f"{len(chosen):,}", f"{len(self._kept.time):,}"
        if len(chosen) < many:
            shown = say("latest {count}", count=shown) if self._follower else say("{count} picked", count=shown)
        what: Said | str
        if self._words:
            found = say("{many} of {total} with {words}", many=f"{many:,}", total=total, words=inert(self._words))
            what = say("{shown} of {found}", shown=shown, found=found) if len(chosen) < many else found
        else:
            what = say("{shown} of {total}", shown=shown, total=total) if len(chosen) < many else total
        label = told(say("Exchanges ({what})", what=what))
        self.query_one(TabbedContent).get_tab("exchanges").label = self._plain(label)

    def _put(self, name: str, rows: list[Row]) -> None:
        """Show *rows*; only what differs is drawn again where that is little, and the cursor stays on its row."""
        table, before = self._table(name), self._rows[name]
        cursor = table.cursor_row
        held = before[cursor].same if 0 <= cursor < len(before) else None
        stays = len(before) <= len(rows) and all(a.same == b.same for a, b in zip(before, rows, strict=False))
        changed = [place for place, (a, b) in enumerate(zip(before, rows, strict=False)) if a != b]
        self._rows[name] = rows
        if stays and len(changed) <= CHANGED_MAX:
            for place in changed:
                for column, cell in enumerate(self._cells(rows[place])):
                    table.update_cell_at(Coordinate(place, column), cell, update_width=True)
            fresh = rows[len(before) :]
        else:
            table.clear()
            fresh = rows
        for row in fresh:
            table.add_row(*self._cells(row))
        if self._at_end and name == self._tab and rows:
            table.move_cursor(row=len(rows) - 1)
        elif fresh is rows and held is not None:
            place = next((place for place, row in enumerate(rows) if row.same == held), min(cursor, len(rows) - 1))
            table.move_cursor(row=max(0, place))

    def _cells(self, row: Row) -> list[Text]:
        return [self._plain(inert(cell), row.style) for cell in row.cells]

    def _plain(self, text: str, style: str = "") -> Text:
        return Text(text if self._unicode else ascii_text(text), style=style)

    # --- what is shown below ---------------------------------------------------------------------------------------

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of the row under the cursor."""
        if self._there and event.data_table.id == f"{self._tab}-table":
            self._tell()

    def on_tabbed_content_tab_activated(self) -> None:
        """Another list: its table has the keys, unless the filter asks for words."""
        if not self._there:
            return
        if not self.query_one("#filter", Input).has_class("open"):
            self._table(self._tab).focus()
        self._tell()

    def on_resize(self) -> None:
        """What is told is folded to the width."""
        if self._there:
            self._tell()

    def _chosen(self) -> Row | None:
        rows, at = self._rows[self._tab], self._table(self._tab).cursor_row
        return rows[at] if 0 <= at < len(rows) else None

    def _tell(self) -> None:
        """Tell of what is chosen; of the same as before, where it was scrolled to."""
        chosen, analysis = self._chosen(), self.analysis
        what = (self._tab, chosen.same if chosen else None)
        if what != self._told:
            self._frame = -1
        if self._frame >= 0:
            return  # a frame does not change
        width = max(60, self.size.width - 4)
        if chosen is None or analysis is None:
            lines: Iterable[Line] = [[(told(say("nothing here")), "dim")]]
        elif self._tab == "findings":
            out = io.StringIO()
            report = replace(analysis.report, findings=(analysis.report.findings[chosen.number],))
            write_text(report, out, width=width, colour=True, unicode=self._unicode, verbose=True)
            self._show(Text.from_ansi(out.getvalue()), what)
            return
        elif self._tab == "exchanges":
            lines = write_ladder(ladder(analysis, chosen.number), width, len(analysis.rows))
        else:
            point = analysis.report.points[chosen.number]
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in point.kinds.items())
            lines = [
                [(f"{point.point}", "bold")],
                [(kinds or told(say("no packets")), "")],
                *([(file, "dim")] for file in point.files),
            ]
        self._show(self._text(lines), what)

    def _show(self, text: Text, what: tuple[str, object] | None) -> None:
        self.query_one("#told", Static).update(text)
        if what != self._told:
            self.query_one("#detail", VerticalScroll).scroll_home(animate=False)
        self._told = what

    def _text(self, lines: Iterable[Line]) -> Text:
        return Text("\n").join(
            Text.assemble(*((self._plain(inert(words)).plain, style) for words, style in line)) for line in lines
        )

    # --- captures that grow ----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Read the captures as they grow, from their beginnings."""
        assert self._follower_of is not None
        self._follows = True
        self._follower = self._follower_of()
        self._follower.start()
        self.query_one("#following", Static).add_class("open")
        self.set_interval(LOOK, self._look)
        self._look()

    @property
    def fault(self) -> BaseException | None:
        """What ended the reading of captures that grow: a fault of ours, for whoever ran this to raise."""
        return self._follower.fault if self._follower is not None else None

    def on_unmount(self) -> None:
        """Read no more."""
        if self._follower is not None:
            self._follower.stop()

    def _look(self) -> None:
        """Whether there is something new, and time to show it."""
        follower = self._follower
        assert follower is not None
        if not self._there:
            return
        if follower.fault is not None:
            self.exit()
            return
        latest, began = follower.latest, time.monotonic()
        if latest is not None and self._follows and began >= self._next and self._shown is not latest:
            fresh = self._shown is None or self._shown.analysis is not latest.analysis
            self._shown = latest
            if fresh:
                self.analysis, self._kept = latest.analysis, latest.kept
                self._fill()
                self._next = began + SHARE * (time.monotonic() - began)
        self._say_how_far(self._shown if self._follows else latest, follower.notes)

    def _say_how_far(self, latest: Followed | None, notes: Sequence[str]) -> None:
        if latest is None:
            word, what = say("FOLLOWING"), told(say("nothing is judged yet"))
        else:
            packets = latest.packets if self._follows or self._shown is None else latest.packets - self._shown.packets
            what = told(counted(packets, "packet"))
            if not self._follows:
                word, what = say("PAUSED"), told(say("{packets} since; F goes on", packets=what))
            elif latest.ended:
                word, what = say("ENDED"), told(say("{packets}; nobody writes any more", packets=what))
            else:
                word = say("FOLLOWING")
                what = told(say("{packets} up to {time} UTC", packets=what, time=clock(latest.now)[:8]))
                if latest.waits_for and self.analysis is not None and len(self.analysis.files) > 1:
                    what = told(say("{what}; waits for {file}", what=what, file=latest.waits_for))
        style = "black on green" if self._follows else "black on yellow"
        line = Text.assemble((f" {told(word)} ", style), f" {self._plain(inert(what)).plain}")
        if notes:
            line.append(f"  {self._plain(inert(told(notes[-1]))).plain}", "yellow")
        self.query_one("#following", Static).update(line)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show one of the lists."""
        self.query_one(TabbedContent).active = name

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._at_end = False
        table = self._table(self._tab)
        table.move_cursor(row=table.cursor_row + rows)

    def action_end(self, last: int) -> None:
        """Go to the first or the last row, and stay at the last one when more come."""
        self._at_end = bool(last)
        table = self._table(self._tab)
        table.move_cursor(row=table.row_count - 1 if last else 0)

    def action_struck(self, step: int) -> None:
        """Go to the next exchange that a rule struck."""
        self.action_tab("exchanges")
        table = self._table("exchanges")
        rows, row = self._rows["exchanges"], table.cursor_row + step
        self._at_end = False
        while self._kept is not None and 0 <= row < len(rows):
            if self._kept.finding[rows[row].number - 1] >= 0:
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
        chosen, analysis = self._chosen(), self.analysis
        if self._tab != "exchanges" or chosen is None or analysis is None:
            self.bell()
            return
        sightings = analysis.exchange(chosen.number).sightings
        self._frame = (self._frame + step) % len(sightings) if self._frame >= 0 or step > 0 else len(sightings) - 1
        seen = sightings[self._frame]
        file = analysis.files[seen.source]
        place = say(
            "frame {place} of {count} of exchange {number}; l: ladder",
            place=self._frame + 1,
            count=len(sightings),
            number=chosen.number,
        )
        head: Line = [(told(place), "dim")]
        try:
            found = frame(f"{file}:{seen.frame}", [], {})
        except IpipscopeError as problem:
            self._show(self._text([head, [(str(problem), "red")]]), self._told)
            return
        self._show(self._text([head, *write_frame(found, None)]), self._told)

    def action_follow(self) -> None:
        """Follow captures that grow, or leave everything as it is for a while."""
        if self._follower is not None:
            self._follows = not self._follows
            self._look()
        elif self._follower_of is not None:
            self._begin()
        else:
            self.bell()

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

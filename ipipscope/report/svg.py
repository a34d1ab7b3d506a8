"""Drawings as SVG text: the few elements that the reports' pictures are made of, all foreign text made harmless.

Colours have a class, for pages with a style of their own, and a plain value that is legible on light and dark ground,
for places that have none, such as notebooks.
"""

from __future__ import annotations

from html import escape
from typing import Final

from ipipscope.language.told import told
from ipipscope.report.inert import inert
from ipipscope.report.lines import shortened

COLOURS: Final = {
    "ink": "currentColor",
    "faint": "#8a94a3",
    "request": "#3b82c4",
    "reply": "#2f9e62",
    "broken": "#e5484d",
    "doubt": "#b7791f",
}
"""Class of a line or of text, and its colour where no style sheet says another."""
MONO: Final = "ui-monospace, 'DejaVu Sans Mono', monospace"
SANS: Final = "system-ui, 'DejaVu Sans', sans-serif"
CHARACTER: Final = 0.62
"""Width of a character of the fixed-width font, in units of its size; a little generous."""


def element(tag: str, *children: str, **attributes: object) -> str:
    """One element; *children* are finished markup, attributes are escaped here; `_` in their names stands for `-`."""
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{told}>{''.join(children)}</{tag}>" if children else f"<{tag}{told}/>"


def text(x: float, y: float, words: str, *, colour: str = "ink", size: float = 12, **attributes: object) -> str:
    """A line of text at a point; *words* are foreign and escaped."""
    family = attributes.pop("font_family", MONO)
    return element(
        "text",
        escape(inert(told(words))),
        x=x,
        y=y,
        class_=f"t-{colour}",
        fill=COLOURS[colour],
        font_size=size,
        font_family=family,
        **attributes,
    )


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "faint", **attributes: object) -> str:
    """A straight line."""
    attributes.setdefault("stroke_width", 1)
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"l-{colour}", stroke=COLOURS[colour], **attributes)


def head(x: float, y: float, *, colour: str, rightwards: bool) -> str:
    """An arrowhead with its tip at a point."""
    back = 9 if rightwards else -9
    return element("path", d=f"M{_plain(x)},{_plain(y)}l{-back},-5v10z", class_=f"f-{colour}", fill=COLOURS[colour])


def cross(x: float, y: float, size: float = 6) -> str:
    """Where something ends that should not."""
    return "".join(
        line(x - size, y - slope * size, x + size, y + slope * size, colour="broken", stroke_width=3)
        for slope in (1, -1)
    )


def dot(x: float, y: float, colour: str, *, hollow: bool = False) -> str:
    """Where a packet was seen; hollow where it was not."""
    drawn = {"cx": x, "cy": y, "r": 5}
    if hollow:
        stroke = COLOURS[colour]
        return element("circle", **drawn, class_=f"hollow l-{colour}", fill="none", stroke=stroke, stroke_width=2)
    return element("circle", **drawn, class_=f"f-{colour}", fill=COLOURS[colour])


def diamond(x: float, y: float, colour: str) -> str:
    """Who sent something on its own account."""
    return element(
        "path", d=f"M{x:g} {y - 8:g}l8 8l-8 8l-8 -8z", class_=f"f-{colour}", fill=COLOURS[colour], stroke="none"
    )


def hint(words: str) -> str:
    """What a browser shows while the pointer rests on the drawing's part that begins with it."""
    return element("title", escape(inert(told(words))))


def picture(width: float, height: float, *children: str, title: str, description: str, ident: str) -> str:
    """The whole drawing, with the words that a screen reader says for it.

    ident: tells this drawing's elements apart from those of others on one page.
    """
    head = element("title", escape(inert(told(title))), id=f"{ident}-title")
    head += element("desc", escape(inert(told(description))), id=f"{ident}-desc")
    return element(
        "svg",
        head,
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )


def fitted(words: str, width: float, size: float = 12) -> str:
    """*words*, cut to what has room in *width* in the fixed-width font."""
    return shortened(inert(told(words)), max(1, int(width / (size * CHARACTER))))


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)

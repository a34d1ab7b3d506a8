"""A case on the terminal, to walk through: what the lists hold (`rows`), how they are shown and moved in (`app`).

It stands to the right of everything: it shows an analysis, or one after the other while captures grow (`live.follow`).
"""

from ipipscope.view.app import CaseView

__all__ = ["CaseView"]

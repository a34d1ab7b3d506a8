"""The errors of host state: what could not be read, and what to do about it."""

from __future__ import annotations

from ipipscope.errors import InputError


class StateUnreadable(InputError):
    """A file of host state that cannot be read, or not to its end."""


class BadState(ValueError):
    """Part of a host's state makes no sense; whoever knows the file's name turns it into `StateUnreadable`.

    problem: what is wrong, without the file name, fit to print; hint: what to do next.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem, self.hint = problem, hint
        super().__init__(problem, hint)

    def __str__(self) -> str:
        return f"{self.problem} {self.hint}".rstrip()

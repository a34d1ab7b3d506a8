"""Sentences that can be told in another language later: the English text, which remembers its template and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Said(str):
    """English text that knows what it was made of."""

    __slots__ = ("parts", "template", "values")
    template: str
    """What the catalogue is asked for: English with {placeholders}."""
    values: Mapping[str, object]
    """By placeholder; a value may be said itself."""
    parts: tuple[str, ...]
    """Of a list, what it lists; the template stands between them."""

    def __new__(
        cls, english: str, template: str | None = None, values: Mapping[str, object] | None = None,
        parts: tuple[str, ...] = (),
    ) -> Self:  # fmt: skip
        """The text itself is English."""
        said = super().__new__(cls, english)
        said.template = english if template is None else template
        said.values = values or {}
        said.parts = parts
        return said

    def into(self, translations: Mapping[str, str]) -> str:
        """The text in another language; what *translations* lacks stays English."""
        between = translations.get(self.template, self.template)
        if self.parts:
            return between.join(_into(part, translations) for part in self.parts)
        if not self.values:
            return between
        return between.format_map({name: _into(value, translations) for name, value in self.values.items()})


def _into(value: Any, translations: Mapping[str, str]) -> Any:
    return value.into(translations) if isinstance(value, Said) else value


def say(template: str, /, **values: object) -> Said:
    """A sentence with its values; the template is a literal, so that the catalogue's test finds it.

    Values that are text to be translated are said themselves; names, addresses and lines of configuration are not.
    """
    return Said(template.format_map(values) if values else template, template, values)


def counted(count: int, thing: str, things: str = "", /) -> Said:
    """`1 exchange`, `20 exchanges`: a number with what it counts, said so that it can stand in a sentence.

    things: the plural, where it is not made with an s.
    """
    template = f"{{count}} {thing}" if count == 1 else f"{{count}} {things or thing + 's'}"
    return Said(template.format(count=count), template, {"count": count})


def say_of(count: int, one: str, many: str, /, **values: object) -> Said:
    """A sentence about *count* things: *one* where it is 1, else *many*, both literals with {count} in them.

    A sentence of its own for one, as its verb and what follows change with the number.
    """
    template = one if count == 1 else many
    values = {"count": count, **values}
    return Said(template.format_map(values), template, values)


def joined(separator: str, parts: Iterable[object], /) -> Said:
    """Several texts in one, with *separator*, a literal of the catalogue such as `, `, between them."""
    texts = tuple(part if isinstance(part, str) else str(part) for part in parts)
    return Said(separator.join(texts), separator, None, texts) if texts else Said("")

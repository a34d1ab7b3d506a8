"""A small language that picks rows: `inner_src in 10.122.17.64/26 and icmp_type == 0`.

Its grammar is Python's for comparisons, `and`, `or` and `not`, and addresses, networks and MAC addresses stand in it
as they are. The text is parsed into a tree, and only what is listed here has a meaning; nothing of it is ever run.

A comparison with a field that the packet does not have is false, whichever comparison it is.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from ipipscope.errors import UsageError
from ipipscope.tables.table import Column, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipipscope.decoder.columns import Array

LONGEST: Final = 4_000
"""Characters of an expression."""
LITERAL: Final = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?<![\w.:])(?P<mac>[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5})(?![\w:])"""
    r"""|(?<![\w.])(?P<network>\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?)(?![\w.])"""
)
COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ORDERED: Final = frozenset({Form.NUMBER, Form.TIME, Form.DURATION, Form.ADDRESS})


class Columned(Protocol):
    """What rows are picked from."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> Column:
        """The column called *name*; KeyError where there is none."""
        ...

    def names(self) -> Sequence[str]:
        """All columns."""
        ...


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed expression: `Where.parse(text)`, then `where.rows(table)`."""

    text: str
    tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> Where:
        """Parse; raises UsageError where the text is no such expression."""
        if len(text) > LONGEST:
            raise UsageError(f"an expression has at most {LONGEST} characters, this one {len(text)}")
        try:
            tree = ast.parse(LITERAL.sub(_quoted, text).strip(), mode="eval").body
            _check(tree)
        except SyntaxError as error:
            raise UsageError(f"{text!r} is no expression: {error.msg}; {EXAMPLE}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise UsageError(f"the expression cannot be read ({type(error).__name__}); {EXAMPLE}") from error
        return cls(text, tree)

    def rows(self, table: Columned) -> Array:
        """Which rows it holds for; bool, one a row.

        Raises UsageError for a column that the table has not, or a comparison that makes no sense.
        """
        return _truth(self.tree, table)


MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z?)?")
EXAMPLE: Final = "write as in `inner_src in 10.122.17.64/26 and icmp_type == 0`"


def _quoted(found: re.Match[str]) -> str:
    """Addresses and MAC addresses as strings, which the parser takes; strings as they are."""
    return found[0] if found["text"] else f"'{found[0]}'"


def _check(node: ast.expr) -> None:
    """Raise UsageError for anything that is not of the language."""
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand)
        case ast.Compare(left=left, comparators=others):
            for each in (left, *others):
                _check_operand(each)
        case _:
            raise UsageError(f"{_shown(node)} compares nothing; {EXAMPLE}")


def _check_operand(node: ast.expr) -> None:
    match node:
        case ast.Name() | ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for item in items:
                if isinstance(item, ast.Name):
                    raise UsageError(f"{item.id} in a list: write texts in quotes")
                _check_operand(item)
        case _:
            raise UsageError(f"{_shown(node)} is neither a column nor a value; {EXAMPLE}")


def _shown(node: ast.expr) -> str:
    return repr(ast.unparse(node))


def _truth(node: ast.expr, table: Columned) -> Array:
    match node:
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce([_truth(value, table) for value in values])
        case ast.UnaryOp(operand=operand):
            return ~_truth(operand, table)
        case ast.Compare(left=left, ops=ops, comparators=others):
            truth = np.ones(len(table), bool)
            for one, comparison, other in zip([left, *others[:-1]], ops, others, strict=True):
                truth &= _compare(one, comparison, other, table)
            return truth
    raise AssertionError(node)


def _compare(left: ast.expr, op: ast.cmpop, right: ast.expr, table: Columned) -> Array:
    one, other = _operand(left, table), _operand(right, table)
    if not isinstance(one, Column):
        if not isinstance(other, Column) or type(op) not in MIRRORED:
            raise UsageError(f"{_shown(left)}: a column stands on the left; {EXAMPLE}")
        one, other, op, left = other, one, MIRRORED[type(op)](), right
    if other is None:
        if not isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            raise UsageError("None is compared by `is None` and `is not None`")
        absent = one.absent()
        return absent if isinstance(op, (ast.Is, ast.Eq)) else ~absent
    name = ast.unparse(left)
    if isinstance(op, (ast.Is, ast.IsNot)):
        raise UsageError(f"{name}: `is` goes with None only")
    if isinstance(other, Column):
        return _columns(name, one, op, other)
    if isinstance(op, (ast.In, ast.NotIn)):
        items = other if isinstance(other, list) else [other]
        hits = np.zeros(len(table), bool)
        for item in items:
            hits |= _equal(name, one, item)
        return hits if isinstance(op, ast.In) else ~hits & ~one.absent()
    if isinstance(other, list):
        raise UsageError(f"{name}: a list goes with `in`")
    if isinstance(op, ast.Eq):
        return _equal(name, one, other)
    if isinstance(op, ast.NotEq):
        return ~_equal(name, one, other) & ~one.absent()
    if one.form not in ORDERED:
        raise UsageError(f"{name} has no order: compare it by == or in")
    return COMPARISONS[type(op)](one.values, _number(name, one.form, other)) & ~one.absent()


MIRRORED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}


def _columns(name: str, one: Column, op: ast.cmpop, other: Column) -> Array:
    """One column against another."""
    if one.form is not other.form or type(op) not in COMPARISONS or one.form is Form.TEXT:
        raise UsageError(f"{name} cannot be compared with that column so")
    compare = COMPARISONS[type(op)]
    there = ~(one.absent() | other.absent())
    if one.form is not Form.LABEL:
        return compare(one.values, other.values) & there
    if not isinstance(op, (ast.Eq, ast.NotEq)):
        raise UsageError(f"{name} has no order: compare it by == or in")
    places = {label: place for place, label in enumerate(one.labels)}
    same = np.array([places.get(label, -2) for label in other.labels] or [-2], "i4")
    return compare(one.values, same[other.values]) & there


def _operand(node: ast.expr, table: Columned) -> Any:
    match node:
        case ast.Name(id=name):
            try:
                return table.column(name)
            except KeyError:
                near = difflib.get_close_matches(name, table.names(), 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(table.names())}"
                raise UsageError(f"no column {name!r}{hint}") from None
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_operand(item, table) for item in items]
    raise AssertionError(node)


def _equal(name: str, column: Column, value: Any) -> Array:
    """Where the column has the value, or an address of the network."""
    if column.form is Form.LABEL:
        if not isinstance(value, str):
            raise UsageError(f"{name} is a text: write {value!r} in quotes")
        place = column.labels.index(value) if value in column.labels else -2
        return column.values == place
    if column.form is Form.TEXT:
        return np.array([each == value for each in column.values], bool)
    if column.form is Form.ADDRESS:
        network = _network(name, value)
        first, mask = np.uint32(int(network.network_address)), np.uint32(int(network.netmask))
        hits = (column.values & mask) == first
    else:
        hits = column.values == _number(name, column.form, value)
    return hits & ~column.absent()


def _network(name: str, value: Any) -> IPv4Network:
    try:
        return IPv4Network(value if isinstance(value, str) else int(value), strict=False)
    except (AddressValueError, NetmaskValueError, ValueError, TypeError) as error:
        raise UsageError(f"{name}: {value!r} is no IPv4 address or network") from error


def _number(name: str, form: Form, value: Any) -> Any:
    """A value as a column of this form holds it."""
    try:
        if form is Form.ADDRESS:
            return int(IPv4Address(value))
        if form is Form.MAC:
            return int(value.replace(":", ""), 16)
        if form is Form.TIME:
            return time_of(value)
        if form is Form.DURATION:
            return round(value * 1_000_000_000)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        wanted = {Form.TIME: "a time as '2026-11-24T00:32:41Z'", Form.DURATION: "a number of seconds"}
        raise UsageError(f"{name}: {value!r} is not {wanted.get(form, 'such an address')}") from error
    if not isinstance(value, (int, float)):
        raise UsageError(f"{name} is a number, {value!r} is none")
    return value


def time_of(text: str) -> int:
    """Nanoseconds since 1970-01-01 of `2026-11-24T00:32:41.702832Z`, UTC; raises ValueError for anything else."""
    if not MOMENT.fullmatch(text):
        raise ValueError(text)
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype("i8"))

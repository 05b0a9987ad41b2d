"""Rows chosen by a list of values: one statement, however many they are, so that it stays prepared."""

from collections.abc import Collection
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, psycopg

from store import arrays

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_POSTGRESQL = psycopg.dialect()  # type: ignore[no-untyped-call]


def is_chosen(column: sa.Column[Any], kind: Kind) -> sa.ColumnElement[bool]:
    """Whether the column has one of the values that are given as `chosen(column, kind, values)`."""
    if kind == "postgresql":
        # One parameter, and a plan that does not count on how many there are.
        given = sa.cast(sa.bindparam("chosen", type_=sa.Text()), ARRAY(column.type, dimensions=1))
        return column == sa.any_(given)
    return column.in_(sa.bindparam("chosen", expanding=True))


def chosen(column: sa.Column[Any], kind: Kind, values: Collection[Any]) -> dict[str, Any]:
    """The parameter of `is_chosen`. At least one value."""
    if kind == "postgresql":
        return {"chosen": arrays.write(column, values, _POSTGRESQL)}
    return {"chosen": padded(values)}


def padded(values: Collection[Any]) -> list[Any]:
    """The list, its last value repeated up to a power of two: few different statements."""
    listed = list(values)
    return listed + [listed[-1]] * ((1 << (len(listed) - 1).bit_length()) - len(listed))

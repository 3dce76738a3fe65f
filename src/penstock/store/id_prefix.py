"""Ids by their beginning, which an index serves: the ids between the prefix filled up with zeros and with f's."""

from typing import Any

from sqlalchemy import ColumnElement

from penstock.core.ids import ID_HEX_LENGTH

HEX_DIGITS = frozenset("0123456789abcdef")


def begins_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool] | None:
    """The condition that an id begins with `text`, dashes aside; none if no id can."""
    digits = text.strip().replace("-", "").lower()
    if not digits or len(digits) > ID_HEX_LENGTH or not HEX_DIGITS.issuperset(digits):
        return None
    if len(digits) == ID_HEX_LENGTH:
        return column == digits
    return column.between(digits.ljust(ID_HEX_LENGTH, "0"), digits.ljust(ID_HEX_LENGTH, "f"))

"""Variables: named JSON values that flows read and people set."""

from penstock.sdk.variables import Variable

__all__ = ["Variable"]

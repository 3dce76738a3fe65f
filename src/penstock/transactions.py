"""Transactions: steps that are committed together or rolled back together."""

from penstock.sdk.transactions import CommitMode, Transaction, get_transaction, transaction

__all__ = ["CommitMode", "Transaction", "get_transaction", "transaction"]

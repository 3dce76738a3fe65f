"""Transactions: steps that are committed together or rolled back together."""

from penstock.sdk.transactions import CommitMode, Transaction, get_transaction, transaction

atransaction = transaction
"""Prefect's name for what stands in `async with`."""

__all__ = ["CommitMode", "Transaction", "atransaction", "get_transaction", "transaction"]

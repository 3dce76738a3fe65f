"""Which function answers the verbs of `blockverbs.py` and `notifications.py`; loaded when the first of them is asked.

They get the keys that secrets are encrypted with, which no other verb does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import blockverbs, notifications
from penstock.core.errors import EncryptionKeyMissing
from penstock.orchestrator import sending
from penstock.ports import Principal, Request
from penstock.store import Store, blocks, notices
from penstock.store.sealing import Keys

Handler = Callable[[Store, Any, Principal], Any]


def make_handlers(open_keys: Callable[[], Keys] | None) -> Mapping[type[Request[Any]], Handler]:
    """The table, for an orchestrator whose keys `open_keys` gives."""
    keys = _no_keys if open_keys is None else open_keys
    return {
        blockverbs.RegisterBlockType: _within(blocks.register_type),
        blockverbs.GetBlockType: _within(blocks.get_type),
        blockverbs.ListBlockTypes: _within(blocks.list_types),
        blockverbs.RemoveBlockType: _within(blocks.remove_type),
        blockverbs.ListBlocks: _within(blocks.list_blocks),
        blockverbs.RemoveBlock: _within(blocks.remove_block),
        blockverbs.SaveBlock: lambda store, request, by: blocks.save_block(store, request, by.workspace, keys()),
        blockverbs.GetBlock: lambda store, request, by: blocks.get_block(store, request, by.workspace, keys()),
        blockverbs.RotateKeys: lambda store, request, by: blocks.rotate_keys(store, request, keys()),
        notifications.ListNotifications: _within(notices.list_notifications),
        notifications.RemoveNotification: _within(notices.remove_notification),
        notifications.AddNotification: lambda store, request, by: notices.add_notification(
            store, request, by.workspace, keys(), sending.shown_address
        ),
        notifications.SendTestNotice: lambda store, request, by: notices.send_test(
            store, request, by.workspace, keys(), sending.send
        ),
        notifications.DeliverNotices: lambda store, request, by: notices.deliver(store, keys(), sending.send),
    }


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace)


def _no_keys() -> Keys:
    raise EncryptionKeyMissing("This orchestrator was opened without keys to encrypt with: hand it `keys`.")

"""What runs ask for and are sent while they go on."""

from penstock.sdk.messages import (
    InputMetadata,
    Received,
    Receiver,
    RunInput,
    asend_input,
    receive_input,
    send_input,
)

__all__ = [
    "InputMetadata",
    "Received",
    "Receiver",
    "RunInput",
    "asend_input",
    "receive_input",
    "send_input",
]

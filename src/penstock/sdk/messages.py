"""Values that are sent to runs while they go on, by people, programs and other runs; a run looks for them when it likes.

They stay: a run that is retried or resumed receives them again, from the first. What a run sends, its later attempts do not send anew.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, PrivateAttr, PydanticUserError, TypeAdapter, create_model

from penstock.core.errors import InputTimedOut, InvalidDefinition, NotInRun
from penstock.core.ids import MessageId, RunId, as_uuid_text, parse_id
from penstock.engine.context import current_flow_run
from penstock.engine.runs import FlowRunContext
from penstock.scheduling import ListRunMessages, RunMessage, SendToRun
from penstock.sdk.followed import ports_here, refuse_in_coroutine
from penstock.sdk.forms import as_answer

T = TypeVar("T")

POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class InputMetadata:
    """What is known of a value that was received."""

    key: str
    """Tells it from all others that its run was sent."""
    sender: str | None
    """The id of the run that sent it, if one did."""
    receiver: str


@dataclass(frozen=True, slots=True)
class Received(Generic[T]):
    """A value that is no `RunInput`, with what is known of it."""

    value: T
    metadata: InputMetadata

    def respond(self, run_input: Any, *, key_prefix: str | None = None) -> None:
        """Send something to the run that sent this. Raises `NotInRun` if none did."""
        _respond(self.metadata, run_input, key_prefix)


class RunInput(BaseModel):
    """The base of what runs ask for and are sent: a pydantic model.

    >>> class Approval(RunInput):
    ...     approved: bool
    ...     comment: str = ""
    >>> asked = Approval.with_initial_data("May it go out?", comment="Looks good.")
    >>> asked(approved=True)
    Approval(approved=True, comment='Looks good.')
    """

    model_config = ConfigDict(extra="forbid")

    _description: ClassVar[str | None] = None
    """What people are told who are asked for it."""
    _metadata: InputMetadata | None = PrivateAttr(None)

    @classmethod
    def with_initial_data(cls, description: str | None = None, **values: Any) -> type[Self]:
        """The same type with other defaults, which forms begin with. Raises `InvalidDefinition` for a field that it has not."""
        unknown = [name for name in values if name not in cls.model_fields]
        if unknown:
            raise InvalidDefinition(
                f"{cls.__name__} has no field `{unknown[0]}`: there are {', '.join(cls.model_fields)}."
            )
        fields: dict[str, Any] = {name: (cls.model_fields[name].annotation, value) for name, value in values.items()}
        made: type[Self] = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, **fields)
        made._description = description or cls._description
        return made

    @classmethod
    def receive(
        cls,
        *,
        timeout: float | None = TIMEOUT_SECONDS,
        poll_interval: float = POLL_SECONDS,
        raise_timeout_error: bool = False,
        exclude_keys: Collection[str] = (),
        key_prefix: str | None = None,
        flow_run_id: str | None = None,
    ) -> "Receiver[Self]":
        """What of this type is sent to the current run, or to the one that is named; see `receive_input`."""
        return Receiver(
            cls, timeout=timeout, poll_interval=poll_interval, raise_timeout_error=raise_timeout_error,
            exclude_keys=exclude_keys, key_prefix=key_prefix, flow_run_id=flow_run_id, with_metadata=False,
        )  # fmt: skip

    @property
    def metadata(self) -> InputMetadata:
        """What is known of a value that was received. Raises `NotInRun` for any other."""
        if self._metadata is None:
            raise NotInRun(f"This {type(self).__name__} was not received by a run.")
        return self._metadata

    def send_to(self, flow_run_id: str, *, key_prefix: str | None = None) -> None:
        """Send it to a run; see `send_input`."""
        send_input(self, flow_run_id, key_prefix=key_prefix)

    async def asend_to(self, flow_run_id: str, *, key_prefix: str | None = None) -> None:
        """`send_to` for coroutines."""
        await asend_input(self, flow_run_id, key_prefix=key_prefix)

    def respond(self, run_input: Any, *, key_prefix: str | None = None) -> None:
        """Send something to the run that sent this. Raises `NotInRun` if none did."""
        _respond(self.metadata, run_input, key_prefix)

    async def arespond(self, run_input: Any, *, key_prefix: str | None = None) -> None:
        """`respond` for coroutines."""
        await asyncio.to_thread(_respond, self.metadata, run_input, key_prefix)


# ---- Sending ----------------------------------------------------------------------------------------------------


def send_input(run_input: Any, flow_run_id: str, *, key_prefix: str | None = None) -> None:
    """Send a value to a run that goes on: a `RunInput` or another pydantic model, a dataclass, whatever JSON can say.

    It is received by its type's name, or by `key_prefix`. A run that is tried again does not send again what it has sent. Raises
    `NotFound`, `Conflict` for a run that has ended, `RequestInvalid` for more than 64 kB.
    """
    refuse_in_coroutine("send_input")
    _send(run_input, flow_run_id, key_prefix)


async def asend_input(run_input: Any, flow_run_id: str, *, key_prefix: str | None = None) -> None:
    """`send_input` for coroutines."""
    await asyncio.to_thread(_send, run_input, flow_run_id, key_prefix)


def _send(run_input: Any, flow_run_id: str, key_prefix: str | None) -> None:
    receiver = RunId(parse_id(str(flow_run_id)))
    key, value = key_prefix or _key_of(type(run_input)), as_answer(run_input)
    run = current_flow_run.get()
    if run is not None and run.parent is not None:
        run.services.journal.flush()  # a subflow is a fact of this process, which the store may not have heard of
    orchestrator, principal = ports_here()
    sent = SendToRun(
        flow_run_id=receiver,
        id=_message_id(run, receiver, key, value),
        key=key,
        value=value,
        sender=None if run is None else run.id,
    )
    orchestrator.ask(sent, principal)


def _message_id(run: FlowRunContext | None, receiver: str, key: str, value: Any) -> MessageId:
    """Random outside of runs; in a run that of the n-th sending of the value, which is the same in all its attempts."""
    if run is None:
        return MessageId(uuid4().hex)
    said = f"{run.id}/{receiver}/{key}/{json.dumps(value, sort_keys=True, default=str)}"
    number = next(run.place_counts[f"sent {said}"])
    return MessageId(blake2b(f"{number}/{said}".encode(), digest_size=16).hexdigest())


def _respond(metadata: InputMetadata, run_input: Any, key_prefix: str | None) -> None:
    if metadata.sender is None:
        raise NotInRun("There is no run to respond to: this was sent by a person or a program.")
    _send(run_input, metadata.sender, key_prefix)


def _key_of(wanted: Any) -> str:
    """The name that a type's values are sent and received by: `list[int]` receives what was sent as a list."""
    name = getattr(wanted, "__name__", None) or getattr(getattr(wanted, "__origin__", None), "__name__", None)
    return str(name or "value").lower()


# ---- Receiving --------------------------------------------------------------------------------------------------


def receive_input(
    input_type: type[T],
    *,
    timeout: float | None = TIMEOUT_SECONDS,
    poll_interval: float = POLL_SECONDS,
    raise_timeout_error: bool = False,
    exclude_keys: Collection[str] = (),
    key_prefix: str | None = None,
    flow_run_id: str | None = None,
    with_metadata: bool = False,
) -> "Receiver[T]":
    """What is sent to the current run, or to the one that is named, as values of a type, one after another and from the first.

        for number in receive_input(int, timeout=60):
            ...

    It ends when nothing came for `timeout` seconds, or raises `InputTimedOut` then; None waits for ever. It looks every
    `poll_interval` seconds, and passes over the `metadata.key`s of `exclude_keys`. `async for` works too. With `with_metadata`
    values come as `Received`; a `RunInput` has `.metadata` anyway. Raises `NotInRun` outside of a run if none is named.
    """
    return Receiver(
        input_type, timeout=timeout, poll_interval=poll_interval, raise_timeout_error=raise_timeout_error,
        exclude_keys=exclude_keys, key_prefix=key_prefix, flow_run_id=flow_run_id, with_metadata=with_metadata,
    )  # fmt: skip


class Receiver(Generic[T]):
    """An iterator, and an asynchronous one, over what is sent to a run."""

    def __init__(
        self,
        wanted: Any,
        *,
        timeout: float | None,
        poll_interval: float,
        raise_timeout_error: bool,
        exclude_keys: Collection[str],
        key_prefix: str | None,
        flow_run_id: str | None,
        with_metadata: bool,
    ):
        self._run = current_flow_run.get()
        if flow_run_id is None and self._run is None:
            raise NotInRun("Nothing can be received outside of a flow run, unless `flow_run_id` says for which.")
        self._id = RunId(parse_id(str(flow_run_id))) if flow_run_id is not None else _id_of(self._run)
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        except PydanticUserError as error:
            raise InvalidDefinition(f"Values of {wanted!r:.200} cannot be received: {error.message}") from error
        self._key = key_prefix or _key_of(wanted)
        self._timeout, self._pause = timeout, poll_interval
        self._raises, self._with_metadata = raise_timeout_error, with_metadata
        self._excluded = frozenset(exclude_keys)
        self._after = 0
        self._waiting: deque[RunMessage] = deque()
        if self._run is not None and self._run.parent is not None:
            self._run.services.journal.flush()  # as above

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return self.next()
        except InputTimedOut:
            if self._raises:
                raise
            raise StopIteration from None

    async def __anext__(self) -> T:
        try:
            return await self.anext()
        except InputTimedOut:
            if self._raises:
                raise
            raise StopAsyncIteration from None

    def next(self) -> T:
        """The next value. Raises `InputTimedOut`."""
        refuse_in_coroutine("next")
        deadline = self._deadline()
        while (message := self._look()) is None:
            wait = self._left(deadline)
            if self._run is None:
                time.sleep(wait)
            else:
                self._run.cancelled.wait(wait)
        return self._read(message)

    async def anext(self) -> T:
        """The next value, while other coroutines run. Raises `InputTimedOut`."""
        deadline = self._deadline()
        while (message := await asyncio.to_thread(self._look)) is None:  # noqa: ASYNC110 - what it waits for is elsewhere
            await asyncio.sleep(self._left(deadline))
        return self._read(message)

    def _deadline(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _left(self, deadline: float | None) -> float:
        left = self._pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise InputTimedOut(f"Nothing was sent to flow run {self._id} as `{self._key}` within {self._timeout:g} s.")
        return min(left, self._pause)

    def _look(self) -> RunMessage | None:
        """The next message, if it is there. Raises if the run that waits is to stop."""
        if self._run is not None:
            self._run.check_going_on()
        if not self._waiting:
            orchestrator, principal = ports_here()
            request = ListRunMessages(flow_run_id=self._id, key=self._key, after=self._after)
            found = orchestrator.ask(request, principal)
            self._after = found[-1].number if found else self._after
            self._waiting.extend(one for one in found if _message_key(one) not in self._excluded)
        return self._waiting.popleft() if self._waiting else None

    def _read(self, message: RunMessage) -> T:
        value = self._adapter.validate_json(json.dumps(message.value))
        sender = None if message.sender is None else as_uuid_text(message.sender)
        metadata = InputMetadata(_message_key(message), sender, as_uuid_text(self._id))
        if isinstance(value, RunInput):
            value._metadata = metadata
        elif self._with_metadata:
            value = Received(value, metadata)
        return value  # type: ignore[no-any-return]  # of the type that was asked for, or with its metadata


def _id_of(run: FlowRunContext | None) -> RunId:
    assert run is not None
    return run.id


def _message_key(message: RunMessage) -> str:
    return f"{message.key}-{message.number}"

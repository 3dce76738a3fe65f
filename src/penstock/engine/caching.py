"""The cache key of a call: from the user's function, or from the task's cache policy."""

import pickle
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from penstock.core.cache_policies import CacheFacts
from penstock.core.errors import InvalidDefinition, UncacheableInputs
from penstock.core.keys import digest, write_exact
from penstock.engine.logs import WARNING, emit
from penstock.engine.runs import source_of

if TYPE_CHECKING:
    from penstock.engine.runs import TaskCall

KEY_CHARACTERS_MAX = 1_000
PLAIN_KINDS = re.compile(r"u?int\d+|float\d+|bool|str|string|(datetime|timedelta)64\[.*\]", re.IGNORECASE)


def cache_key_of(call: "TaskCall", inputs: Mapping[str, Any]) -> str | None:
    """The key under which this call's result is cached, or none if it is not.

    Inputs that have no stable content make a call uncached, with a warning that names the input; a user's function
    that raises fails the run.
    """
    task = call.task
    if task.cache_key_fn is not None:
        key = task.cache_key_fn(call, dict(inputs))
        if key is not None and not isinstance(key, str):
            raise InvalidDefinition(f"The cache_key_fn of `{task.name}` must return text or None, got {key!r:.100}.")
        return (
            None
            if key is None
            else f"{task.key}:{key}"[:KEY_CHARACTERS_MAX]
            if len(key) < KEY_CHARACTERS_MAX
            else f"{task.key}:{digest(key)}"
        )
    facts = CacheFacts(
        task_key=task.key,
        source_hash=source_of(task),
        run_id=call.run.id,
        inputs=inputs,
        flow_parameters=call.run.parameters,
        write=write_inputs_exactly,
    )
    try:
        return task.cache_policy.compute_key(facts)
    except UncacheableInputs as error:
        emit(call.run, call, WARNING, f"{error} The call is not cached.")
        return None


def task_input_hash(call: "TaskCall", inputs: dict[str, Any]) -> str | None:
    """A cache key made of the task's identity, its code and the content of its inputs; for `cache_key_fn`."""
    return digest(f"{call.task.key}\n{source_of(call.task)}\n{write_inputs_exactly(inputs)}")


def write_inputs_exactly(inputs: Mapping[str, Any]) -> str:
    """Write inputs so that equal text means equal content. Raises `UncacheableInputs`, naming the input."""
    return "\n".join(f"{name}={_write_content(name, inputs[name])}" for name in sorted(inputs))


def _write_content(name: str, value: Any) -> str:
    text = write_exact(value)
    if text is not None:
        return text
    kind = type(value)
    module = kind.__module__.partition(".")[0]
    label = f"{kind.__module__}.{kind.__qualname__}"
    if kind in (str, bytes):
        return f"{label}:{blake2b(value if kind is bytes else value.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
    if module == "pandas" and hasattr(value, "memory_usage") and _is_plain_pandas(value):
        return f"{label}:{_digest_pandas(value)}"
    if module == "pyarrow" and hasattr(value, "to_batches"):
        return f"{label}:{_digest_arrow(value)}"
    if kind.__module__ == "numpy" and hasattr(value, "tobytes") and not getattr(value.dtype, "hasobject", True):
        return f"{label}:{value.dtype}:{value.shape}:{blake2b(value.tobytes(), digest_size=16).hexdigest()}"
    return f"{label}:{_digest_pickled(name, value)}"


def _is_plain_pandas(value: Any) -> bool:
    """Whether pandas' own hash tells all values apart: of objects and categories it looks at their text alone."""
    frame = hasattr(value, "columns")
    kinds = list(value.dtypes) if frame else [value.dtype]
    axes = [value.index, value.columns] if frame else [value.index] if hasattr(value, "index") else []
    kinds += [kind for axis in axes for kind in (axis.dtypes if hasattr(axis, "levels") else [axis.dtype])]
    return not getattr(value, "attrs", None) and all(PLAIN_KINDS.fullmatch(str(kind)) for kind in kinds)


def _digest_pandas(value: Any) -> str:
    import pandas  # lazy: the caller holds a frame, so it is loaded

    hasher = blake2b(digest_size=16)
    frame = hasattr(value, "columns")
    kinds = list(value.dtypes) if frame else [value.dtype]
    index = value.index if hasattr(value, "index") else value
    labels = [list(value.columns), list(value.columns.names)] if frame else [value.name]
    hasher.update(repr((labels, [str(kind) for kind in kinds], list(index.names), str(index.dtype))).encode())
    hasher.update(pandas.util.hash_pandas_object(value, index=True).to_numpy().tobytes())
    return hasher.hexdigest()


def _digest_arrow(value: Any) -> str:
    import pyarrow as pa  # lazy: the caller holds a table, so it is loaded

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, value.schema) as writer:
        writer.write_table(value.combine_chunks(), max_chunksize=1 << 20)
    return blake2b(sink.getvalue(), digest_size=16).hexdigest()


def _digest_pickled(name: str, value: Any) -> str:
    """Pickle the copy of a copy, which no longer shows how the original lay in memory, and again: an object whose pickles
    still differ has no stable content, and saying so beats a wrong hit."""
    try:
        first = pickle.dumps(pickle.loads(pickle.dumps(value, protocol=5)), protocol=5)
        again = pickle.dumps(pickle.loads(first), protocol=5)
    except Exception as error:
        raise UncacheableInputs(
            f"The input `{name}` ({type(value).__qualname__}) has no stable content: {error}."
        ) from error
    if first != again:
        raise UncacheableInputs(
            f"The input `{name}` ({type(value).__qualname__}) has no stable content: its pickles differ."
        )
    return blake2b(first, digest_size=16).hexdigest()

"""What a result's cache key is made of. Policies are values: added, subtracted, and computed from facts.

>>> (INPUTS + TASK_SOURCE - "session").excluded
frozenset({'session'})
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from penstock.core.errors import InvalidDefinition
from penstock.core.keys import digest


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What a key may be made of. `write` writes inputs down exactly and raises `UncacheableInputs` where it cannot."""

    task_key: str
    source_hash: str | None
    run_id: str
    inputs: Mapping[str, Any]
    flow_parameters: Mapping[str, Any]
    write: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """A set of parts that make up a cache key, and the inputs left out of it. No parts: nothing is cached."""

    parts: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    key_fn: Callable[[Any, dict[str, Any]], str | None] | None = field(default=None, compare=False)

    def __add__(self, other: "CachePolicy") -> "CachePolicy":
        if not isinstance(other, CachePolicy):
            return NotImplemented
        return CachePolicy(self.parts | other.parts, self.excluded | other.excluded, self.key_fn or other.key_fn)

    def __sub__(self, name: str) -> "CachePolicy":
        if not isinstance(name, str):
            raise InvalidDefinition(f"Subtract the name of an input from a cache policy, not {name!r}.")
        parts = self.parts | {"inputs"} if self.parts else self.parts
        return replace(self, parts=parts, excluded=self.excluded | {name})

    def compute_key(self, facts: CacheFacts) -> str | None:
        """The key of a call, or none if nothing is cached. Raises `UncacheableInputs`, naming the input."""
        if not self.parts:
            return None
        pieces = [f"penstock-cache-1:{facts.task_key}"]
        if "source" in self.parts:
            pieces.append(f"source={facts.source_hash}")
        if "run" in self.parts:
            pieces.append(f"run={facts.run_id}")
        if "inputs" in self.parts:
            inputs = {name: value for name, value in facts.inputs.items() if name not in self.excluded}
            pieces.append(f"inputs={facts.write(inputs)}")
        if "parameters" in self.parts:
            pieces.append(f"parameters={facts.write(facts.flow_parameters)}")
        return digest("\n".join(pieces))


INPUTS = CachePolicy(frozenset({"inputs"}))
"""Equal inputs, equal result."""
TASK_SOURCE = CachePolicy(frozenset({"source"}))
"""Equal code of the task function."""
RUN_ID = CachePolicy(frozenset({"run"}))
"""Within one flow run."""
FLOW_PARAMETERS = CachePolicy(frozenset({"parameters"}))
"""Equal parameters of the flow."""
NO_CACHE = CachePolicy()
"""Nothing is cached; what completed is still remembered for retry and resume."""
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
"""Equal inputs and code within one flow run."""

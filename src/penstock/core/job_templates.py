"""Base job templates of work pools: which variables a run's job has, and what they are put into.

`variables` is a JSON Schema with defaults; `job_configuration` a document with `{{ variable }}` in it. A text that is nothing
but one placeholder becomes the variable's value as it is; a variable without a value takes its key away.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from penstock.core.docker_template import DOCKER
from penstock.core.json_schemas import Problem, check_schema, find_problems
from penstock.core.kubernetes_template import KUBERNETES

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")

_ENVIRONMENT = {
    "type": "object",
    "title": "Environment",
    "description": "Variables of the process's environment.",
    "additionalProperties": {"type": "string"},
    "default": {},
}
_GRACE = {
    "type": "number",
    "title": "Grace period",
    "description": "Seconds between the request to stop and the kill.",
    "minimum": 0,
    "default": 30,
}


def _template(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in properties},
        "variables": {"type": "object", "properties": dict(properties), "additionalProperties": False},
    }


PROCESS = _template(
    {
        "env": _ENVIRONMENT,
        "working_dir": {
            "type": "string",
            "title": "Working folder",
            "description": "Where the process works; the folder of the code if none is said.",
        },
        "python": {
            "type": "string",
            "title": "Python",
            "description": "The interpreter to run with; the worker's own if none is said. Such a process starts cold.",
        },
        "stream_output": {
            "type": "boolean",
            "title": "Show output",
            "description": "Whether the worker shows what the process prints.",
            "default": True,
        },
        "warm": {
            "type": "boolean",
            "title": "Start warm",
            "description": "Fork the process from one that has imported the flow already.",
            "default": True,
        },
        "isolation": {
            "enum": ["fork", "reuse"],
            "title": "Isolation",
            "description": "`fork`: a process for each run. `reuse`: a process runs one after another, for many short runs.",
            "default": "fork",
        },
        "grace_seconds": _GRACE,
    }
)
"""The template of pools of type process."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"process": PROCESS, "docker": DOCKER, "kubernetes": KUBERNETES}
)
"""By type of pool; the types that integrations bring say theirs when they make a pool."""


def check_template(template: Any) -> str | None:
    """Say what is wrong with a template; none if nothing is.

    >>> check_template({"job_configuration": {"image": "{{ image }}"}, "variables": {"properties": {}}})
    '`job_configuration` has `{{ image }}`, which is no variable'
    """
    if not isinstance(template, Mapping) or set(template) - {"job_configuration", "variables"}:
        return "it has `job_configuration` and `variables`, and nothing else"
    variables = template.get("variables", {})
    problem = check_schema(variables)
    if problem is not None:
        return f"`variables` is no JSON Schema: {problem}"
    known = set(variables.get("properties", {}))
    for name in _names_in(template.get("job_configuration", {})):
        if name not in known:
            return f"`job_configuration` has `{{{{ {name} }}}}`, which is no variable"
    for name, schema in variables.get("properties", {}).items():
        if isinstance(schema, Mapping) and "default" in schema and find_problems(schema, schema["default"]):
            return f"the default of `{name}` does not fit it: {schema['default']!r:.100}"
    return None


def fill_in(template: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The job's configuration with the variables' values in it, defaults where none is given; and what does not fit.

    >>> fill_in(PROCESS, {"working_dir": "/srv"})[0]["working_dir"]
    '/srv'
    >>> fill_in(PROCESS, {"warm": "perhaps"})[1]
    [('warm', 'must be boolean, not string', 'perhaps')]
    """
    schema = template.get("variables", {})
    defaults = {
        name: part["default"]
        for name, part in schema.get("properties", {}).items()
        if isinstance(part, Mapping) and "default" in part
    }
    values = {**defaults, **given}
    filled = _fill(template.get("job_configuration", {}), values)
    return filled if isinstance(filled, dict) else {}, find_problems(schema, values)


_ABSENT = object()


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value.strip())
        if whole is not None:
            return values.get(whole.group(1), _ABSENT)
        return _PLACEHOLDER.sub(lambda found: str(values.get(found.group(1), "")), value)
    if isinstance(value, Mapping):
        filled = {key: _fill(part, values) for key, part in value.items()}
        return {key: part for key, part in filled.items() if part is not _ABSENT}
    if isinstance(value, list | tuple):
        return [part for part in (_fill(one, values) for one in value) if part is not _ABSENT]
    return value


def _names_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return _PLACEHOLDER.findall(value)
    if isinstance(value, Mapping):
        return [name for part in value.values() for name in _names_in(part)]
    if isinstance(value, list | tuple):
        return [name for part in value for name in _names_in(part)]
    return []

"""Asking for runs: parameters are checked before the request as they are by whoever answers it."""

from collections.abc import Mapping
from typing import Any

from penstock.core.errors import ParameterInvalid
from penstock.core.json_schemas import find_problems
from penstock.scheduling import Deployment


def check_request(deployment: Deployment, parameters: Mapping[str, Any]) -> None:
    """Raise `ParameterInvalid` for parameters that a run of the deployment would be refused with."""
    spec = deployment.spec
    if spec.parameter_schema is None or not spec.enforce_parameter_schema:
        return
    given = {**spec.parameters, **parameters}
    plain = {name: value for name, value in given.items() if name in parameters or "{{" not in str(value)}
    problems = find_problems(spec.parameter_schema, plain, partial=len(plain) < len(given))
    if problems:
        raise ParameterInvalid(deployment.flow_name, problems)

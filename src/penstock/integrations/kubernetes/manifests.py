"""From a claimed run to its Job, and the Secret that holds its token.

The name is made of run and claim, so that a Job whose making was cut short is found again and none is made twice.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from penstock.core.errors import RequestInvalid
from penstock.ports import DEFAULT_WORKSPACE
from penstock.settings import Settings
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import CLAIM_VARIABLE, FLEETING_VARIABLE, RUN_VARIABLE

PREFIX = "penstock.dev/"
RUN_LABEL, CLAIM_LABEL = f"{PREFIX}flow-run-id", f"{PREFIX}claim"
POOL_LABEL, WORKER_LABEL, JOB_LABEL = f"{PREFIX}work-pool", f"{PREFIX}worker", f"{PREFIX}job"
POOL_ANNOTATION = f"{PREFIX}work-pool-name"
"""The pool as it is called; the label has only what labels may have."""
CONTAINER = "penstock"
NAME_CHARACTERS_MAX = 63
API_URL_VARIABLE, API_KEY_VARIABLE = "PENSTOCK_API_URL", "PENSTOCK_API_KEY"
OTHER_DATABASE_VARIABLE = "PENSTOCK_DATABASE_URL"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be made."""

    name: str
    namespace: str
    container: str
    """The container that runs the flow, by its name."""
    job: Mapping[str, Any]
    secret: Mapping[str, Any] | None
    held: bool
    """Whether the Job is made suspended, until the Secret is made as the Job's own; not where somebody else admits Jobs."""

    @property
    def jobs_path(self) -> str:
        """Where Jobs are made."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def job_path(self) -> str:
        """The Job."""
        return f"{self.jobs_path}/{self.name}"

    @property
    def core_path(self) -> str:
        """Where pods, events and Secrets are."""
        return f"/api/v1/namespaces/{self.namespace}"


def prepare(
    claimed: ClaimedRun, job: Mapping[str, Any], *, namespace: str, worker: str, settings: Settings
) -> Prepared:
    """The Job of a run. Raises `RequestInvalid` for a manifest that cannot be one, and where the pod could reach no server."""
    manifest = deepcopy(dict(job.get("job_manifest") or {}))
    container = check_manifest(manifest, pool=claimed.request.work_pool or "")
    meta, spec = manifest.setdefault("metadata", {}), manifest["spec"]
    stem = meta.pop("name", None) or meta.pop("generateName", None) or f"penstock-{claimed.run.name}"
    name = name_of(stem, claimed.run.id, claimed.request.claim)
    namespace = meta.get("namespace") or namespace
    meta |= {"name": name, "namespace": namespace}
    labels = labels_of(claimed, name=name, worker=worker)
    for part in (meta, spec["template"].setdefault("metadata", {})):
        part["labels"] = {**(part.get("labels") or {}), **labels}
        part["annotations"] = {**(part.get("annotations") or {}), POOL_ANNOTATION: claimed.request.work_pool or ""}
    spec.setdefault("backoffLimit", 0)
    spec["template"]["spec"].setdefault("restartPolicy", "Never")
    for name_, part in (("imagePullSecrets", spec["template"]["spec"]), ("envFrom", container)):
        if name_ in part:
            part[name_] = [_as_reference(one, secret=name_ == "envFrom") for one in part[name_] or ()]
    container["resources"] = _resources(container.get("resources") or {})
    secret = set_environment(container, claimed, settings=settings, secret_name=name)
    if secret is not None:
        secret["metadata"] = {"name": name, "namespace": namespace, "labels": labels}
    held = secret is not None and not spec.get("suspend")
    if held:
        spec["suspend"] = True
    return Prepared(name, namespace, container["name"], manifest, secret, held)


def check_manifest(manifest: dict[str, Any], *, pool: str) -> dict[str, Any]:
    """The container that runs the flow. Raises `RequestInvalid`."""

    def refuse(what: str) -> RequestInvalid:
        return RequestInvalid(f"The manifest in the job template of work pool `{pool}` cannot be used: {what}.")

    if manifest.get("kind") != "Job" or manifest.get("apiVersion") != "batch/v1":
        raise refuse("`job_manifest` must be of kind Job and apiVersion batch/v1")
    spec = manifest.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    containers = pod.get("containers") if isinstance(pod, dict) else None
    if not isinstance(spec, dict) or not isinstance(pod, dict) or not isinstance(containers, list) or not containers:
        raise refuse("`spec.template.spec.containers` must have at least one container")
    if spec.get("backoffLimit", 0) != 0 or pod.get("restartPolicy", "Never") != "Never":
        raise refuse(
            "`backoffLimit` must be 0 and `restartPolicy` Never: what is tried again, and when, the deployment says by "
            "`on_crash`"
        )
    if any(spec.get(name, 1) != 1 for name in ("completions", "parallelism")):
        raise refuse("a run is one pod: leave out `completions` and `parallelism`")
    if not all(isinstance(one, dict) for one in containers):
        raise refuse("every container must be an object")
    found: dict[str, Any] = next((one for one in containers if one.get("name") == CONTAINER), containers[0])
    found.setdefault("name", CONTAINER)
    if not found.get("image"):
        raise refuse(f"container `{found['name']}` has no `image`")
    return found


def set_environment(
    container: dict[str, Any], claimed: ClaimedRun, *, settings: Settings, secret_name: str
) -> dict[str, Any] | None:
    """Say in the container's environment which run it is and where the server is; the Secret with its token, if it has one."""
    given = container.get("env") or {}
    listed = [dict(one) for one in given] if isinstance(given, list) else [_variable(*one) for one in given.items()]
    known = {one.get("name") for one in listed}
    ours = {RUN_VARIABLE: claimed.run.id, CLAIM_VARIABLE: str(claimed.request.claim), FLEETING_VARIABLE: "1"}
    elsewhere = bool(container.get("envFrom")) and not is_reachable(settings.api_url)  # a Secret of theirs may say it
    if not known & {API_URL_VARIABLE, OTHER_DATABASE_VARIABLE} and not elsewhere:
        ours[API_URL_VARIABLE] = address_for_pods(settings)
    if settings.workspace != DEFAULT_WORKSPACE and "PENSTOCK_WORKSPACE" not in known:
        ours["PENSTOCK_WORKSPACE"] = settings.workspace
    if settings.lease_seconds != Settings().lease_seconds and "PENSTOCK_LEASE_SECONDS" not in known:
        ours["PENSTOCK_LEASE_SECONDS"] = f"{settings.lease_seconds:g}"  # the same for server, workers and runs
    container["env"] = [one for one in listed if one.get("name") not in ours]
    container["env"] += [_variable(name, value) for name, value in ours.items()]
    if claimed.token is None or API_KEY_VARIABLE in known:
        return None
    reference = {"secretKeyRef": {"name": secret_name, "key": API_KEY_VARIABLE}}
    container["env"].append({"name": API_KEY_VARIABLE, "valueFrom": reference})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "stringData": {API_KEY_VARIABLE: claimed.token},
    }


def address_for_pods(settings: Settings) -> str:
    """Where pods reach the server. Raises `RequestInvalid` where they cannot."""
    mend = f"say `{API_URL_VARIABLE}` in `env` of the pool's job template or the deployment's job variables"
    if not settings.api_url:
        raise RequestInvalid(
            "A pod cannot reach this worker's database: it has no server. Start one, set "
            f"{API_URL_VARIABLE} for the worker, or {mend}."
        )
    if not is_reachable(settings.api_url):
        raise RequestInvalid(
            f"The worker's server is at {settings.api_url}, which in a pod is the pod itself: {mend}, as pods reach the server."
        )
    return settings.api_url


def is_reachable(address: str | None) -> bool:
    """Whether an address means the same in a pod as here."""
    return bool(address) and urlsplit(address).hostname not in LOCAL_HOSTS


def labels_of(claimed: ClaimedRun, *, name: str, worker: str) -> dict[str, str]:
    """The labels by which a Job, its pod and its Secret are found."""
    return {
        "app.kubernetes.io/managed-by": "penstock",
        RUN_LABEL: claimed.run.id,
        CLAIM_LABEL: str(claimed.request.claim),
        POOL_LABEL: label_of(claimed.request.work_pool or ""),
        f"{PREFIX}flow": label_of(claimed.run.flow_name),
        WORKER_LABEL: worker,
        JOB_LABEL: name,
    }


def label_of(text: str) -> str:
    """A text as a label may have it.

    >>> label_of("GPU pool (big)")
    'GPU-pool-big'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:NAME_CHARACTERS_MAX].strip("-._")


def name_of(stem: str, run_id: str, claim: int) -> str:
    """The name of a run's Job: what people may read, then what makes it one of its own.

    >>> name_of("penstock-Brave Otter_2", "0190b7c2a1d37f50b1c2d3e4f5061728", 3)
    'penstock-brave-otter-2-d3e4f5061728-3'
    """
    tail = f"-{run_id.replace('-', '')[-12:]}-{claim}"
    head = re.sub(r"[^a-z0-9]+", "-", stem.lower())[: NAME_CHARACTERS_MAX - len(tail)].strip("-")
    return f"{head or 'penstock'}{tail}"


def _resources(said: Mapping[str, Any]) -> dict[str, Any]:
    """Quantities are texts; of variables that were not given nothing is left."""
    as_text = {
        key: {name: str(quantity) for name, quantity in part.items()} if key in ("requests", "limits") else part
        for key, part in said.items()
    }
    return {key: part for key, part in as_text.items() if part}


def _variable(name: str, value: Any) -> dict[str, Any]:
    return {"name": str(name), "value": str(value)}


def _as_reference(one: Any, *, secret: bool) -> Any:
    if not isinstance(one, str):
        return one
    return {"secretRef": {"name": one}} if secret else {"name": one}

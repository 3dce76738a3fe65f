"""Requests to a cluster's API server, by the official client: documents go in and come out; what goes wrong is told in words.

The client's typed methods refuse fields that are newer than the client, and give statuses other names than people see. So
its untyped one is used, without its discovery.
"""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.dynamic import DynamicClient

from penstock.core.errors import PenstockError, RequestInvalid
from penstock.integrations.clusters import KubernetesClusterConfig

CONTEXT_VARIABLE = "PENSTOCK_KUBERNETES_CONTEXT"
"""Which context of the kubeconfig a worker uses; its current one if unset."""
NAMESPACE_VARIABLE = "PENSTOCK_KUBERNETES_NAMESPACE"
"""Where Jobs are made that say nothing of it; where the worker is, or the context's own, if unset."""
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
PAGE_SIZE = 500
LINE_BYTES_MAX = 4 * 1024 * 1024
"""More than any object has; what a pod prints without an end of line is cut here."""
MESSAGE_CHARACTERS_MAX = 1_000

_MISSING_RIGHT = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<what>[\w./-]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


class ClusterUnavailable(PenstockError):
    """The API server cannot be reached, or has no time: the same may be asked again."""


class ClusterRefused(PenstockError):
    """The API server says no, and will say so again."""

    def __init__(self, message: str, *, status: int):
        self.status = status
        super().__init__(message)


class Cluster:
    """A cluster, as the worker's configuration reaches it, or a block. Threads may share it.

    Raises `RequestInvalid` if there is no configuration, `NotFound` if there is no block of that name.
    """

    def __init__(self, block: str | None = None) -> None:
        self._lock = threading.Lock()
        self._load = load_configuration if block is None else partial(load_block, block)
        self.namespace, self._configuration = self._load()
        self._client = _make_client(self._configuration)

    @property
    def address(self) -> str:
        """Where the API server is."""
        return str(self._configuration.host)

    def get(self, path: str) -> dict[str, Any] | None:
        """One object; none if it is not there."""
        try:
            return self.ask("get", path)
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise

    def list(self, path: str, **query: str) -> tuple[list[dict[str, Any]], str]:
        """Objects, and the version of the list."""
        found: list[dict[str, Any]] = []
        more = ""
        while True:
            page = self.ask(
                "get", path, query={**query, "limit": str(PAGE_SIZE), **({"continue": more} if more else {})}
            )
            found += page.get("items") or []
            meta = page.get("metadata") or {}
            more = meta.get("continue") or ""
            if not more:
                return found, str(meta.get("resourceVersion") or "")

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object. A field that the server does not know is refused, not dropped."""
        return self.ask("post", path, body=body, query={"fieldValidation": "Strict"})

    def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change an object."""
        return self.ask("patch", path, body=body, content_type="application/merge-patch+json")

    def delete(self, path: str, **options: Any) -> bool:
        """Delete an object; False if it is not there."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        try:
            self.ask("delete", path, body=body)
        except ClusterRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    def ask(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        """Ask, and read the whole answer. Raises `ClusterUnavailable`, `ClusterRefused`."""
        response = self._send(method, path, READ_SECONDS, **said)
        try:
            answered: dict[str, Any] = json.loads(response.data)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._away(error) from error
        return answered

    def follow(self, path: str, *, read_seconds: float, **query: str) -> Iterator[bytes]:
        """Ask, and give the lines of the answer as they come."""
        response = self._send("get", path, read_seconds, query=query)
        rest = b""
        try:
            for part in response.stream(None):
                *lines, rest = (rest + part).split(b"\n")
                yield from lines
                if len(rest) > LINE_BYTES_MAX:
                    yield rest
                    rest = b""
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._away(error) from error
        finally:
            response.close()
        if rest:
            yield rest

    def _send(
        self,
        method: str,
        path: str,
        read_seconds: float,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> Any:  # Any: urllib3's response
        asked = {
            "body": body,
            "serialize": False,
            "content_type": content_type,
            "_request_timeout": (CONNECT_SECONDS, read_seconds),
        }
        used = self._client
        try:
            try:
                return used.request(method, path, query_params=list((query or {}).items()), **asked)
            except ApiException as error:
                if error.status != 401:
                    raise
                return self._anew(used).request(method, path, query_params=list((query or {}).items()), **asked)
        except ApiException as error:
            raise self._translate(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._away(error) from error

    def _anew(self, used: DynamicClient) -> DynamicClient:
        """Credentials end: read them again, once for all who are told so."""
        with self._lock:
            if self._client is used:
                try:
                    self.namespace, self._configuration = self._load()
                except PenstockError as error:
                    raise ClusterUnavailable(str(error)) from error
                self._client = _make_client(self._configuration)
            return self._client

    def _away(self, error: BaseException) -> PenstockError:
        cause = getattr(error, "reason", None) or error
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            said = f"The certificate of the Kubernetes API server at {self.address} is not trusted: {cause}."
            return ClusterRefused(said[:MESSAGE_CHARACTERS_MAX], status=0)
        said = str(cause).rpartition(": ")[2] or type(cause).__name__
        return ClusterUnavailable(f"The Kubernetes API server at {self.address} does not answer: {said[:300]}.")

    def _translate(self, error: ApiException) -> PenstockError:
        status, said = int(error.status or 0), _message_of(error)
        if status == 0:
            return self._away(error)
        if status == 429 or status >= 500:
            return ClusterUnavailable(f"The Kubernetes API server at {self.address} has no time ({status}): {said}")
        if status == 401:
            said = (
                f"The Kubernetes API server at {self.address} does not accept the worker's credentials (401). Renew those of "
                "its kubeconfig, or its service account."
            )
        elif status == 403 and (found := _MISSING_RIGHT.search(said)) is not None:
            said = explain_missing_right(**found.groupdict())
        return ClusterRefused(said, status=status)


def explain_missing_right(*, user: str, verb: str, what: str, group: str, namespace: str | None) -> str:
    """What is to be allowed, and where.

    >>> explain_missing_right(user="ann", verb="create", what="jobs", group="batch", namespace="flows")
    '`ann` may not create jobs of API group batch in namespace flows: its Role needs the verb `create` ...
    """
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    of = f" of API group {group}" if group else ""
    return (
        f"`{user}` may not {verb} {what}{of} {where}: its Role needs the verb `{verb}` for resource `{what}`. "
        "See deploy/kubernetes/rbac.yaml."
    )


def load_configuration() -> tuple[str, client.Configuration]:
    """The namespace that the worker is in, and how to reach the cluster.

    A context that is named, or KUBECONFIG; inside of a cluster that one; `~/.kube/config` otherwise. Raises `RequestInvalid`.
    """
    made = client.Configuration()
    context = os.environ.get(CONTEXT_VARIABLE) or None
    try:
        if context is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=made)
            namespace = NAMESPACE_FILE.read_text().strip()
        else:
            file = os.environ.get("KUBECONFIG")  # the client has read it as it was when it was imported
            config.load_kube_config(config_file=file, context=context, client_configuration=made)
            known, current = config.list_kube_config_contexts(config_file=file)
            used = current if context is None else next(one for one in known if one["name"] == context)
            namespace = used["context"].get("namespace") or ""
    except (ConfigException, OSError, KeyError, TypeError) as error:
        wanted = f"context `{context}` ({CONTEXT_VARIABLE})" if context else "a cluster"
        raise RequestInvalid(
            f"The worker has no configuration for {wanted}: {str(error).rstrip('.')}. Set KUBECONFIG to a kubeconfig, or run "
            "the worker in the cluster with a service account."
        ) from error
    made.retries = 0  # what may be asked again is asked again by who asks
    return os.environ.get(NAMESPACE_VARIABLE) or namespace or "default", made


def load_block(name: str) -> tuple[str, client.Configuration]:
    """The same of a `KubernetesClusterConfig` block. Raises `NotFound`, `RequestInvalid`."""
    block = KubernetesClusterConfig.load(name)
    try:
        made = block.get_configuration()
    except (ConfigException, OSError, KeyError, TypeError, ValueError) as error:
        raise RequestInvalid(
            f"Block `kubernetes-cluster-config/{name}` cannot be used: {str(error).rstrip('.')}."
        ) from error
    made.retries = 0
    return os.environ.get(NAMESPACE_VARIABLE) or block.namespace or "default", made


def _make_client(configuration: client.Configuration) -> DynamicClient:
    return DynamicClient(client.ApiClient(configuration), discoverer=lambda *_: None)


def _message_of(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        said = body.strip() or str(error.reason)
    return str(said)[:MESSAGE_CHARACTERS_MAX]

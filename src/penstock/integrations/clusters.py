"""Kubernetes clusters as blocks: what a kubeconfig says is saved once, by name, and pools ask for the name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import yaml
from pydantic import field_validator, model_validator

from penstock.core.errors import MissingExtra
from penstock.sdk.blocks import Block, SecretDict

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

KUBECONFIG_DEFAULT = Path("~/.kube/config")


class KubernetesClusterConfig(Block):
    """A cluster, with what it takes to reach it: a kubeconfig, and which of its contexts is meant.

    >>> user, cluster = {"name": "ann", "user": {"token": "let me in"}}, {"server": "https://cluster.example.com"}
    >>> context = {"name": "mill", "context": {"cluster": "mill", "user": "ann", "namespace": "flows"}}
    >>> kubeconfig = {"contexts": [context], "clusters": [{"name": "mill", "cluster": cluster}], "users": [user]}
    >>> KubernetesClusterConfig(config=kubeconfig, context_name="mill").save("mill")
    'kubernetes-cluster-config/mill'
    >>> KubernetesClusterConfig.load("mill").namespace
    'flows'
    """

    _block_type_name: ClassVar[str | None] = "Kubernetes Cluster Config"
    _block_type_slug: ClassVar[str | None] = "kubernetes-cluster-config"

    config: SecretDict
    """The whole of a kubeconfig, as a mapping or as YAML. It is encrypted: tokens and keys are in it."""
    context_name: str | None = None
    """The kubeconfig's current one if none is named."""

    @field_validator("config", mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        try:
            return yaml.safe_load(given)
        except yaml.YAMLError:
            raise ValueError("this is no YAML") from None  # what the parser says would show parts of it

    @model_validator(mode="after")
    def _has_context(self) -> Self:
        if self.context is None:
            names = ", ".join(str(each.get("name")) for each in self._contexts()) or "none"
            wanted = f"context `{self.context_name}`" if self.context_name else "`current-context`"
            raise ValueError(f"the kubeconfig has no {wanted}; its contexts: {names}")
        return self

    @classmethod
    def from_file(cls, path: Path | str | None = None, context_name: str | None = None) -> Self:
        """A block of a kubeconfig file: `KUBECONFIG`, or `~/.kube/config` if no path is given. Files that it names are not taken along."""
        found = Path(path or os.environ.get("KUBECONFIG") or KUBECONFIG_DEFAULT).expanduser()
        return cls(config=found.read_text(), context_name=context_name)  # type: ignore[arg-type]  # read above

    @property
    def context(self) -> Mapping[str, Any] | None:
        """The context that is meant; none if it is not there, which no block is made with."""
        name = self.context_name or self.config.get_secret_value().get("current-context")
        return next((each for each in self._contexts() if each.get("name") == name), None)

    @property
    def namespace(self) -> str | None:
        """The context's own."""
        said = (self.context or {}).get("context")
        return said.get("namespace") if isinstance(said, Mapping) else None

    def get_configuration(self) -> "Configuration":
        """As the official client wants it. Raises `MissingExtra` without it, and what it says of a kubeconfig that it cannot use."""
        try:
            from kubernetes import client, config  # lazy: 400 ms
        except ImportError as error:
            raise MissingExtra("KubernetesClusterConfig", extra="kubernetes", because=error) from error
        made = client.Configuration()
        context = (self.context or {}).get("name")
        config.load_kube_config_from_dict(self.config.get_secret_value(), context=context, client_configuration=made)
        return made

    def get_api_client(self) -> "ApiClient":
        """A client of the cluster. Raises as `get_configuration` does."""
        configuration = self.get_configuration()
        from kubernetes import client  # lazy: loaded by now

        return client.ApiClient(configuration)

    def configure_client(self) -> None:
        """Have the official client use this cluster wherever it is not told otherwise."""
        configuration = self.get_configuration()
        from kubernetes import client  # lazy: loaded by now

        client.Configuration.set_default(configuration)

    def _contexts(self) -> list[Mapping[str, Any]]:
        listed = self.config.get_secret_value().get("contexts")
        return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []

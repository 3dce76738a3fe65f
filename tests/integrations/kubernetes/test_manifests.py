"""What we say to clusters: the Jobs that are made, and the manifests in deploy/kubernetes, are as the official client's types are."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from penstock.integrations.kubernetes.cluster import CONTEXT_VARIABLE, load_configuration
from penstock.integrations.kubernetes.manifests import name_of, prepare
from penstock.settings import Settings
from penstock.workers.infrastructure import job_of
from tests.fixtures.kubernetes import FakeCluster
from tests.integrations.kubernetes.conftest import SERVER, Mill

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
DOCUMENTS = [
    pytest.param(one, id=f"{path.stem}-{one['kind']}-{one['metadata']['name']}")
    for path in sorted(DEPLOY.glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text())
]


def check(document: dict[str, Any]) -> None:
    """Fails for a field that there is not, and a value of the wrong type."""
    model = getattr(client, f"V1{document['kind']}")
    model.model_validate(document)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_manifest_that_we_offer_is_as_kubernetes_has_it(document: dict[str, Any]) -> None:
    check(document)


def test_a_job_is_as_kubernetes_has_it(mill: Mill) -> None:
    claimed = mill.claim(
        env={"TZ": "UTC"},
        cpu_request=2,
        memory_limit="1Gi",
        secrets=["keys"],
        image_pull_secrets=["registry"],
        tolerations=[{"key": "gpu", "operator": "Exists"}],
    )
    made = prepare(claimed, job_of(claimed), namespace="flows", worker="w", settings=Settings(api_url=SERVER))
    check({**made.job})


def test_names_tell_runs_and_claims_apart_and_are_never_too_long() -> None:
    run, other = "0190b7c2a1d37f50b1c2d3e4f5061728", "0190b7c2a1d37f50b1c2d3e4f5061729"
    names = {name_of("penstock-" + "long" * 40, one, claim) for one in (run, other) for claim in (1, 20)}
    assert 4 == len(names)
    assert all(len(name) <= 63 for name in names)


def test_a_context_can_be_named(cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kubeconfig"
    config = yaml.safe_load(path.read_text())
    config["contexts"].append({"name": "other", "context": {"cluster": "mill", "user": "ann", "namespace": "theirs"}})
    path.write_text(yaml.safe_dump(config))
    assert "flows" == load_configuration()[0]
    monkeypatch.setenv(CONTEXT_VARIABLE, "other")
    assert "theirs" == load_configuration()[0]
    monkeypatch.setenv("PENSTOCK_KUBERNETES_NAMESPACE", "penstock-flows")
    assert "penstock-flows" == load_configuration()[0]

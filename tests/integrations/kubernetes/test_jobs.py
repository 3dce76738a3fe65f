"""Jobs, by the real client over HTTP, on a stand-in for a cluster: how they are made, watched, ended and explained."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.core.errors import NotFound, RequestInvalid
from penstock.core.job_templates import DEFAULTS
from penstock.integrations.kubernetes import KubernetesClusterConfig, KubernetesInfrastructure
from penstock.work import GetWorkPool, SaveWorkPool
from tests.fixtures.kubernetes import (
    STARTED,
    Document,
    FakeCluster,
    Fault,
    refuse_pods,
    running,
    show,
    terminated,
    wait_for_ever,
)
from tests.integrations.kubernetes.conftest import POOL, SERVER, Mill
from tests.system.conftest import until

FORBIDDEN = (
    'jobs.batch is forbidden: User "system:serviceaccount:flows:worker" cannot create resource "jobs" in API group "batch" '
    'in the namespace "flows"'
)


def clean(cluster: FakeCluster, pod: Document) -> None:
    """A pod that does what it is to do."""
    cluster.set_status(pod, running())
    cluster.print(pod, "grinding")
    cluster.end_log(pod)
    cluster.set_status(pod, terminated(0, "Completed"))


def variables_of(job: Document) -> dict[str, Any]:
    [container] = job["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


# ---- The Job -----------------------------------------------------------------------------------------------------


def test_a_run_becomes_a_job_that_says_which_run_it_is(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = clean
    claimed = mill.claim(
        env={"PENSTOCK_API_URL": SERVER, "TZ": "Europe/Berlin"},
        labels={"team": "lake"},
        cpu_request="500m",
        memory_limit="1Gi",
        secrets=["lake-keys"],
        image_pull_secrets=["registry"],
        node_selector={"disk": "fast"},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        service_account_name="flows",
        volumes=[{"name": "scratch", "emptyDir": {}}],
        volume_mounts=[{"name": "scratch", "mountPath": "/scratch"}],
        job_watch_timeout_seconds=900,
        grace_seconds=5,
    )
    handle = mill.start(claimed)
    assert 0 == mill.ending(handle).code
    [job] = cluster.all("jobs")
    assert handle.name == f"kubernetes:flows/{job['metadata']['name']}"
    assert variables_of(job) == {
        "PENSTOCK_API_URL": SERVER,
        "TZ": "Europe/Berlin",
        "PENSTOCK_FLOW_RUN_ID": claimed.run.id,
        "PENSTOCK_FLOW_RUN_CLAIM": "1",
        "PENSTOCK_FLOW_RUN_FLEETING": "1",
    }
    spec = job["spec"]
    assert (0, 3600, 900) == (spec["backoffLimit"], spec["ttlSecondsAfterFinished"], spec["activeDeadlineSeconds"])
    pod = spec["template"]["spec"]
    [container] = pod.pop("containers")
    assert pod == {
        "restartPolicy": "Never",
        "serviceAccountName": "flows",
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 5,
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
    assert {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}} == container["resources"]
    assert [{"secretRef": {"name": "lake-keys"}}] == container["envFrom"]
    for labels in (job["metadata"]["labels"], spec["template"]["metadata"]["labels"]):
        assert {
            "team": "lake",
            "penstock.dev/flow-run-id": claimed.run.id,
            "penstock.dev/claim": "1",
            "penstock.dev/work-pool": POOL,
        }.items() <= labels.items()


def test_the_token_is_in_a_secret_that_goes_with_the_job(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = clean
    claimed = replace(mill.claim(env={"PENSTOCK_API_URL": SERVER}), token="penstock-run.secret")
    assert 0 == mill.ending(mill.start(claimed)).code
    [job], [secret] = cluster.all("jobs"), cluster.all("secrets")
    name = job["metadata"]["name"]
    assert {"secretKeyRef": {"name": name, "key": "PENSTOCK_API_KEY"}} == variables_of(job)["PENSTOCK_API_KEY"]
    assert {"PENSTOCK_API_KEY": "penstock-run.secret"} == secret["stringData"]
    assert "penstock-run.secret" not in str(job)
    cluster.delete("jobs", name)
    assert [] == cluster.all("secrets")


def test_the_manifest_of_a_pool_can_be_edited(mill: Mill, cluster: FakeCluster) -> None:
    template: Any = {**DEFAULTS["kubernetes"]}
    manifest = template["job_configuration"]["job_manifest"]
    pod = manifest["spec"]["template"]["spec"]
    sidecar = {"name": "proxy", "image": "proxy:1"}
    pod = {**pod, "priorityClassName": "batch", "containers": [sidecar, *pod["containers"]]}
    manifest = {**manifest, "spec": {**manifest["spec"], "template": {"spec": pod}, "newerThanTheClient": True}}
    template["job_configuration"] = {**template["job_configuration"], "job_manifest": manifest}
    mill.history.ask(SaveWorkPool(name=POOL, base_job_template=template, overwrite=True))
    status = terminated(0, "Completed")
    status["phase"] = "Running"
    status["containerStatuses"].append({"name": "proxy", "state": {"running": {"startedAt": STARTED}}})
    cluster.kubelet = show(status)
    handle = mill.start()
    assert 0 == mill.ending(handle).code, "the flow has ended, whatever runs beside it"
    until(lambda: not cluster.all("jobs"), "the end of the job that a sidecar keeps")
    assert ("POST", "/apis/batch/v1/namespaces/flows/jobs") in cluster.requests


def test_a_job_that_somebody_else_admits_is_left_suspended(mill: Mill, cluster: FakeCluster) -> None:
    template: Any = {**DEFAULTS["kubernetes"]}
    manifest = template["job_configuration"]["job_manifest"]
    manifest = {**manifest, "spec": {**manifest["spec"], "suspend": True}}
    template["job_configuration"] = {**template["job_configuration"], "job_manifest": manifest}
    mill.history.ask(SaveWorkPool(name=POOL, base_job_template=template, overwrite=True))
    cluster.kubelet = clean
    claimed = replace(mill.claim(env={"PENSTOCK_API_URL": SERVER}), token="token")
    handle = mill.start(claimed)
    until(lambda: handle.name, "the job")
    [job] = cluster.all("jobs")
    assert (True, []) == (job["spec"]["suspend"], cluster.all("pods"))
    with cluster._lock:
        cluster._control(cluster._put("jobs", {**job, "spec": {**job["spec"], "suspend": False}}, "MODIFIED"))
    assert 0 == mill.ending(handle).code


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backoffLimit": 3}, "on_crash"),
        ({"parallelism": 2}, "one pod"),
        ({"template": {"spec": {"containers": []}}}, "containers"),
    ],
)
def test_a_manifest_that_cannot_be_a_run_is_refused(
    mill: Mill, cluster: FakeCluster, change: dict[str, Any], said: str
) -> None:
    template: Any = {**DEFAULTS["kubernetes"]}
    manifest = template["job_configuration"]["job_manifest"]
    manifest = {**manifest, "spec": {**manifest["spec"], **change}}
    template["job_configuration"] = {**template["job_configuration"], "job_manifest": manifest}
    mill.history.ask(SaveWorkPool(name=POOL, base_job_template=template, overwrite=True))
    with pytest.raises(RequestInvalid, match=said):
        mill.start()


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:4200"])
def test_a_pod_that_could_reach_no_server_is_not_made(
    mill: Mill, cluster: FakeCluster, address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = mill.claim()
    if address is not None:
        monkeypatch.setenv("PENSTOCK_API_URL", address)
    with pytest.raises(RequestInvalid, match="PENSTOCK_API_URL"):
        mill.start(claimed)
    assert [] == cluster.all("jobs")


def test_an_unknown_context_is_told_of_before_anything_is_claimed(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_KUBERNETES_CONTEXT", "elsewhere")
    pool = mill.history.ask(GetWorkPool(name=POOL))
    with pytest.raises(RequestInvalid, match="elsewhere"):
        mill.infrastructure.watch_orphans(pool, lambda *_: None)


def test_a_block_says_in_which_cluster_a_job_is_made(
    mill: Mill, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = KubernetesClusterConfig.from_file()
    assert "let me in" not in repr(block)
    block.save("mill")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(NotFound, match="mile"):
        mill.start(cluster_config="mile")
    mill.start(cluster_config="mill")
    until(lambda: cluster.all("jobs"), "a job")
    with pytest.raises(RequestInvalid, match="no configuration"):
        mill.start()
    with pytest.raises(ValidationError, match="its contexts: mill"):
        KubernetesClusterConfig(config=block.config, context_name="elsewhere")


# ---- What never begins -------------------------------------------------------------------------------------------


def waiting(reason: str, message: str) -> Document:
    """A container that is not started, as kubelets tell it."""
    image = "registry.example.com/flows:1"
    state = {"waiting": {"reason": reason, "message": message}}
    return {
        "phase": "Pending",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady"},
        ],
        "containerStatuses": [
            {"name": "penstock", "image": image, "imageID": "", "ready": False, "restartCount": 0, "state": state}
        ],
    }


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "registry.example.com/flows:1": ErrImagePull: rpc error: code = NotFound desc = failed to '
                'pull and unpack image "registry.example.com/flows:1": failed to resolve reference: not found',
            ),
            ["registry.example.com/flows:1", "not found"],
        ),
        (
            waiting(
                "ErrImagePull",
                "failed to pull and unpack image: pull access denied, repository does not exist or may require authorization: "
                "server message: insufficient_scope: authorization failed",
            ),
            ["pull access denied"],
        ),
        (
            waiting("InvalidImageName", 'Failed to apply default image tag "flows::1": couldn\'t parse image name'),
            ["InvalidImageName", "couldn't parse"],
        ),
        (waiting("CreateContainerConfigError", 'secret "lake-keys" not found'), ['secret "lake-keys" not found']),
        (
            terminated(
                128,
                "StartError",
                startedAt="1970-01-01T00:00:00Z",
                message="failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
                'failed: unable to start container process: exec: "python4": executable file not found in $PATH: unknown',
            ),
            ["cannot be started", '"python4"'],
        ),
        (
            {
                "phase": "Failed",
                "reason": "OutOfcpu",
                "message": "Pod was rejected: Node didn't have enough resource: cpu, requested: 4000, used: 1100, capacity: 4000",
            },
            ["OutOfcpu", "requested: 4000"],
        ),
    ],
    ids=["no-such-image", "denied", "image-name", "config", "command", "no-room-on-node"],
)
def test_what_can_never_begin_fails_with_its_reason(
    mill: Mill, cluster: FakeCluster, status: Document, said: list[str]
) -> None:
    cluster.kubelet = show(status)
    ending = mill.end()
    assert ending.never_began
    assert [] == [part for part in said if part not in ending.message], ending.message


def test_a_pod_that_was_never_begun_does_not_begin_later(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = show(waiting("InvalidImageName", "no"))
    mill.end()
    assert ([], []) == (cluster.all("jobs"), cluster.all("pods"))


def test_the_cause_of_a_pull_that_failed_is_found_among_the_events(mill: Mill, cluster: FakeCluster) -> None:
    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        message = 'Failed to pull image "x:1": rpc error: code = NotFound desc = x:1: not found'
        cluster.tell(pod, "Failed", message)
        cluster.set_status(pod, waiting("ImagePullBackOff", 'Back-off pulling image "x:1"'))

    cluster.kubelet = kubelet
    assert "code = NotFound" in mill.end().message


def test_a_pod_without_a_node_waits_and_then_fails_with_the_schedulers_reason(mill: Mill, cluster: FakeCluster) -> None:
    message = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    cluster.kubelet = show({"phase": "Pending", "conditions": [condition]})
    ending = mill.end(pod_watch_timeout_seconds=1)
    assert ending.never_began
    assert "3 Insufficient cpu" in ending.message
    assert "pod_watch_timeout_seconds" in ending.message


def test_a_registry_that_is_away_for_a_while_is_waited_for(mill: Mill, cluster: FakeCluster) -> None:
    come_back = threading.Event()

    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, waiting("ErrImagePull", "dial tcp 10.0.0.9:443: i/o timeout"))
        come_back.wait(60)
        clean(cluster, pod)

    cluster.kubelet = kubelet
    handle = mill.start()
    path = "/api/v1/namespaces/flows/events"
    until(lambda: cluster.requests.count(("GET", path)) >= 3, "looks at the pod that waits")
    assert handle.poll() is None
    come_back.set()
    assert 0 == mill.ending(handle).code


def test_a_pod_that_the_cluster_refuses_is_told_of(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = refuse_pods
    ending = mill.end()
    assert ending.never_began
    assert 'serviceaccount "flows" not found' in ending.message


# ---- What the API server says ------------------------------------------------------------------------------------


def test_a_missing_permission_is_named(mill: Mill, cluster: FakeCluster) -> None:
    cluster.faults.append(Fault("POST", "/jobs$", 403, FORBIDDEN, "Forbidden"))
    ending = mill.end()
    assert ending.never_began
    assert "`system:serviceaccount:flows:worker` may not create jobs of API group batch" in ending.message


def test_nothing_is_started_that_could_not_be_watched(mill: Mill, cluster: FakeCluster) -> None:
    message = 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "flows"'
    cluster.faults.append(Fault("GET", "/pods$", 403, message, "Forbidden", times=1_000))
    assert "the verb `list` for resource `pods`" in mill.end().message
    assert [] == cluster.all("jobs")


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (403, 'jobs.batch "x" is forbidden: exceeded quota: team, requested: count/jobs.batch=1', "exceeded quota"),
        (422, 'Job.batch "x" is invalid: spec.template.spec.containers[0].image: Required value', "Required value"),
        (404, 'namespaces "flows" not found', 'namespaces "flows" not found'),
        (401, "Unauthorized", "does not accept the worker's credentials"),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(
    mill: Mill, cluster: FakeCluster, status: int, message: str, said: str
) -> None:
    cluster.faults.append(Fault("POST", "/jobs$", status, message, times=2))
    ending = mill.end()
    assert ending.never_began
    assert said in ending.message


def test_credentials_that_were_renewed_are_read_again(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = clean
    cluster.faults.append(Fault("POST", "/jobs$", 401, "Unauthorized"))
    assert 0 == mill.end().code


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_has_no_time_is_asked_again(mill: Mill, cluster: FakeCluster, status: int) -> None:
    cluster.kubelet = clean
    cluster.faults.append(Fault("POST", "/jobs$", status, "etcdserver: request timed out"))
    assert 0 == mill.end().code


def test_a_job_whose_making_was_answered_by_nobody_is_made_once(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = clean
    claimed = replace(mill.claim(env={"PENSTOCK_API_URL": SERVER}), token="token")
    for path in ("/jobs$", "/secrets$"):
        cluster.faults.append(Fault("POST", path, 504, "timeout", after=True))
    assert 0 == mill.ending(mill.start(claimed)).code
    assert 1 == len(cluster.all("jobs"))


def test_a_job_of_somebody_else_with_the_same_name_is_left_alone(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = wait_for_ever
    first = mill.claim(env={"PENSTOCK_API_URL": SERVER})
    handle = mill.start(first)
    until(lambda: handle.name, "the first job")
    [job] = cluster.all("jobs")
    with cluster._lock:
        cluster.objects["jobs", "flows", job["metadata"]["name"]]["metadata"]["labels"]["penstock.dev/claim"] = "9"
    ending = mill.ending(mill.start(first))
    assert ending.never_began
    assert "is not of this run" in ending.message
    assert [job["metadata"]["name"]] == [one["metadata"]["name"] for one in cluster.all("jobs")]


def test_a_cluster_that_is_away_at_first_is_waited_for(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = clean
    cluster.go_away()
    handle = mill.start()
    assert (None, None) == (handle.poll(), handle.name)
    cluster.come_back()
    assert 0 == mill.ending(handle).code


def test_a_run_is_not_given_up_while_the_cluster_is_away(mill: Mill, cluster: FakeCluster) -> None:
    go_on = threading.Event()

    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        go_on.wait(60)
        cluster.end_log(pod)
        cluster.set_status(pod, terminated(0, "Completed"))
        done.set()

    done = threading.Event()
    cluster.kubelet = kubelet
    handle = mill.start()
    until(lambda: handle.name, "the job")
    cluster.go_away()
    go_on.set()
    assert done.wait(60)
    assert handle.poll() is None
    cluster.come_back()
    assert 0 == mill.ending(handle).code


@pytest.mark.parametrize("watched", [True, False], ids=["told in the watch", "told by the answer"])
def test_a_watch_whose_version_is_too_old_begins_anew(mill: Mill, cluster: FakeCluster, watched: bool) -> None:
    go_on = threading.Event()

    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        go_on.wait(60)
        clean(cluster, pod)

    cluster.kubelet = kubelet
    handle = mill.start()
    until(lambda: handle.name, "the job")
    if not watched:
        cluster.faults.append(Fault("GET", "/pods$", 410, "too old resource version: 1 (2)", "Expired"))
    cluster.forget_history()
    go_on.set()
    assert 0 == mill.ending(handle).code


@pytest.mark.parametrize("code", [0, 3])
def test_an_end_is_noticed_though_the_watch_fell_silent(mill: Mill, cluster: FakeCluster, code: int) -> None:
    go_on = threading.Event()

    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        go_on.wait(60)
        cluster.end_log(pod)
        cluster.set_status(pod, terminated(code, "Completed" if code == 0 else "Error"))
        name = pod["metadata"]["labels"]["job-name"]
        cluster.finish_job(name, "Failed" if code else "Complete", "BackoffLimitExceeded", "")

    cluster.kubelet = kubelet
    mill.infrastructures.append(KubernetesInfrastructure(look_seconds=0.05, look_running_seconds=0.2))
    handle = mill.start()
    until(lambda: any(path.endswith("/log") for _, path in cluster.requests), "the pod to be seen")
    cluster.silent = True
    go_on.set()
    assert code == mill.ending(handle).code


# ---- How it ends -------------------------------------------------------------------------------------------------


def evicted(**more: Any) -> Document:
    return {**terminated(137, "Error"), "phase": "Failed", **more}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (terminated(1, "Error"), ["exit code 1"]),
        (terminated(137, "OOMKilled"), ["OOMKilled", "its 256Mi of memory", "memory_limit"]),
        (terminated(139, "Error"), ["SIGSEGV"]),
        (
            evicted(
                reason="Evicted",
                message="The node was low on resource: memory. Threshold quantity: 100Mi, available: 71Mi. Container penstock was "
                "using 2Gi, request is 0, has larger consumption of memory.",
            ),
            ["evicted from node node-1", "low on resource: memory"],
        ),
        (
            evicted(
                conditions=[
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "PreemptionByScheduler",
                        "message": "default-scheduler: preempting to accommodate a higher priority pod",
                    }
                ]
            ),
            ["preempted", "higher priority"],
        ),
        (
            evicted(
                conditions=[
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "EvictionByEvictionAPI",
                        "message": "Eviction API: evicting",
                    }
                ]
            ),
            ["drained"],
        ),
        (
            terminated(
                137,
                "ContainerStatusUnknown",
                message="The container could not be located when the pod was terminated",
            ),
            ["could not be located"],
        ),
    ],
    ids=["exit-code", "memory", "signal", "evicted", "preempted", "drained", "lost"],
)
def test_an_end_is_explained(mill: Mill, cluster: FakeCluster, status: Document, said: list[str]) -> None:
    cluster.kubelet = show(running(), status)
    ending = mill.end(memory_limit="256Mi")
    assert not ending.never_began
    assert not ending.is_clean
    assert [] == [part for part in said if part not in ending.message], ending.message


def test_what_the_pod_said_last_is_told(
    mill: Mill, cluster: FakeCluster, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        for line in ("grinding", "no more water"):
            cluster.print(pod, line)
        cluster.end_log(pod)
        cluster.set_status(pod, terminated(3, "Error"))

    cluster.kubelet = kubelet
    assert "grinding\nno more water" == mill.end().output
    assert b"no more water" in capfdbinary.readouterr().err
    assert "grinding\nno more water" == mill.end(stream_output=False).output
    assert b"no more water" not in capfdbinary.readouterr().err


def test_lines_are_told_once_though_the_connection_breaks(mill: Mill, cluster: FakeCluster) -> None:
    printed, go_on = threading.Event(), threading.Event()

    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        cluster.print(pod, "one")
        printed.set()
        go_on.wait(60)
        cluster.print(pod, "two")
        cluster.end_log(pod)
        cluster.set_status(pod, terminated(3, "Error"))

    cluster.kubelet = kubelet
    handle = mill.start()
    assert printed.wait(60)
    until(lambda: any(path.endswith("/log") for _, path in cluster.requests), "the log to be read")
    cluster.go_away()
    cluster.come_back()
    go_on.set()
    assert "one\ntwo" == mill.ending(handle).output


def test_a_line_without_an_end_is_cut(mill: Mill, cluster: FakeCluster) -> None:
    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        cluster.print(pod, "#" * (5 * 1024 * 1024))
        cluster.print(pod, "the end")
        cluster.end_log(pod)
        cluster.set_status(pod, terminated(3, "Error"))

    cluster.kubelet = kubelet
    output = mill.end().output
    assert output.endswith("#\nthe end")
    assert len(output) <= 4_000


def test_a_job_beyond_its_time_is_told_as_such(mill: Mill, cluster: FakeCluster) -> None:
    def kubelet(cluster: FakeCluster, pod: Document) -> None:
        cluster.set_status(pod, running())
        name = pod["metadata"]["labels"]["job-name"]
        cluster.finish_job(name, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        cluster.delete("pods", pod["metadata"]["name"])
        cluster.set_status(pod, terminated(143, "Error"))
        cluster.end_log(pod)
        cluster.pod_ended(pod)

    cluster.kubelet = kubelet
    assert "longer than its limit of 60 s" in mill.end(job_watch_timeout_seconds=60).message


@pytest.mark.parametrize(("kind", "said"), [("pods", "The pod of Job"), ("jobs", "Job ")])
def test_what_somebody_deleted_is_told_as_such(mill: Mill, cluster: FakeCluster, kind: str, said: str) -> None:
    cluster.kubelet = wait_for_ever
    handle = mill.start()
    until(lambda: cluster.all("pods") and cluster.all("pods")[0]["status"]["phase"] == "Running", "the pod to run")
    [thing] = cluster.all(kind)
    cluster.delete(kind, thing["metadata"]["name"])
    ending = mill.ending(handle)
    assert ending.message.startswith(said)
    assert "deleted, and not by Penstock" in ending.message


def test_what_was_deleted_while_the_cluster_did_not_answer_is_told_afterwards(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = wait_for_ever
    handle = mill.start()
    until(lambda: cluster.all("pods") and cluster.all("pods")[0]["status"]["phase"] == "Running", "the pod to run")
    until(lambda: any(path.endswith("/log") for _, path in cluster.requests), "the pod to be seen")
    cluster.go_away()
    cluster.delete("jobs", str(handle.name).rpartition("/")[2])
    until(lambda: not cluster.all("pods"), "the pod to be gone")
    cluster.come_back()
    assert "deleted, and not by Penstock" in mill.ending(handle).message


# ---- Being ended -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_is_ended_goes_with_its_pod(mill: Mill, cluster: FakeCluster, how: str) -> None:
    cluster.kubelet = wait_for_ever
    handle = mill.start()
    until(lambda: cluster.all("pods") and cluster.all("pods")[0]["status"]["phase"] == "Running", "the pod to run")
    [pod] = cluster.all("pods")
    getattr(handle, how)()
    assert "as asked" in mill.ending(handle).message
    until(lambda: not cluster.all("jobs") and not cluster.all("pods"), "job and pod to be gone")
    assert {"stop": None, "kill": 0}[how] == cluster.graces[pod["metadata"]["name"]]


def test_an_end_is_asked_for_again_if_the_cluster_has_no_time(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = wait_for_ever
    handle = mill.start()
    until(lambda: cluster.all("pods"), "the pod")
    cluster.faults.append(Fault("DELETE", "/jobs/", 503, "apiserver is shutting down", times=2))
    handle.stop()
    assert "as asked" in mill.ending(handle).message


def test_what_is_cancelled_before_it_begins_is_not_made(mill: Mill, cluster: FakeCluster) -> None:
    cluster.go_away()
    handle = mill.start()
    handle.stop()
    assert mill.ending(handle).never_began
    cluster.come_back()
    assert [] == cluster.all("jobs")

"""Kubernetes: runs as Jobs of a cluster, through the official client.

infrastructure.py   what a worker speaks to
manifests.py        a claimed run -> the Job and the Secret with its token
handles.py          one Job, from being made to its end
watching.py         what becomes of pods, for all Jobs of a namespace
output.py           what a pod prints
verdicts.py         what the status of a Job and its pod means, in sentences
orphans.py          Jobs that nobody waits for any more
cluster.py          requests to the API server, and what goes wrong with them
"""

from penstock.integrations.clusters import KubernetesClusterConfig
from penstock.integrations.kubernetes.infrastructure import KubernetesInfrastructure

__all__ = ["KubernetesClusterConfig", "KubernetesInfrastructure"]

"""Docker: runs as containers of an engine, through the `docker` package.

- infrastructure.py: what a worker speaks to
- jobs.py: a claimed run -> how its container is made
- networks.py: how a container reaches the server
- containers.py: one container, from its image to its end
- salvage.py: what a container that died had recorded and not yet told
- orphans.py: containers whose worker is gone
- engines.py: the engine, where it is, and what goes wrong with it
"""

from penstock.integrations.docker.infrastructure import DockerInfrastructure

__all__ = ["DockerInfrastructure"]

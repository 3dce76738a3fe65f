"""Where the code of flows is kept, and how it comes to where they run."""

from penstock.deployments.storage.git import GitRepository
from penstock.deployments.storage.places import CodeStorage, InImage, LocalFolder, Resolved

__all__ = ["CodeStorage", "GitRepository", "InImage", "LocalFolder", "Resolved"]

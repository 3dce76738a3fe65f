"""Repositories at GitHub as blocks: the address and the token are saved once, by name, and deployments ask for the name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from penstock.deployments.errors import NotDeployable
from penstock.deployments.storage.git import GitRepository, mask
from penstock.deployments.storage.places import Resolved
from penstock.sdk.blocks import Block

_AT_GITHUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class GitHub(Block):
    """A git repository with flows, at GitHub or at any other place that takes a token.

    >>> GitHub(repository="ada/taxi", reference="main", access_token="ghp_123").save("taxi")
    'github/taxi'
    >>> GitHub.load("taxi").repository
    'https://github.com/ada/taxi'
    """

    _block_type_name: ClassVar[str | None] = "GitHub"

    repository: str
    """A URL; `owner/name` is a repository at GitHub. Where a token goes with a certain user name, the URL has that before an `@`."""
    reference: str | None = None
    """A branch, a tag or a commit; the default branch if none is named."""
    access_token: SecretStr | None = None
    include_submodules: bool = False

    @field_validator("repository")
    @classmethod
    def _at_github(cls, given: str) -> str:
        if urlsplit(given).password:
            raise ValueError(f"{mask(given)} holds a password: give that as `access_token`, which is encrypted")
        return f"https://github.com/{given}" if _AT_GITHUB.fullmatch(given) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.as_repository()
        return self

    def as_repository(self) -> GitRepository:
        """The repository itself."""
        return GitRepository(
            self.repository,
            reference=self.reference,
            credentials=None if self.access_token is None else self.access_token.get_secret_value(),
            include_submodules=self.include_submodules,
        )

    def pull(self, destination: Path) -> Resolved:
        """Fetch what is not there yet. Raises `CodeUnavailable`."""
        return self.as_repository().pull(destination)

    def as_step(self) -> Mapping[str, Any]:
        """The step that fetches it, by the block's name if it has one: what is saved under it later is what runs fetch then.

        Raises `NotDeployable` for a block with a token that was not saved: deployments are no place for one.
        """
        if self._block_document_name is not None:
            slug = self.get_block_type_slug()
            return {"pull_with_block": {"block_type_slug": slug, "block_document_name": self._block_document_name}}
        if self.access_token is not None:
            raise NotDeployable(
                f'The block of {mask(self.repository)} holds a token, and a deployment none: save it first, `.save("name")`.'
            )
        return self.as_repository().as_step()

"""Code in a git repository: fetched shallow, one folder for each commit, kept for the runs that follow.

Credentials reach git by its environment: never by a command line, never by the repository's configuration, and never by a
message of ours.
"""

import os
import re
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from penstock.deployments.errors import CodeUnavailable, NotDeployable
from penstock.deployments.storage.places import Resolved

GIT_SECONDS_MAX = 900.0
GIT_LINE_MAX = 500
COMMIT = re.compile(r"[0-9a-f]{7,64}")
COMMIT_LENGTHS = (40, 64)
_NAMES = ("branch", "tag", "commit", "reference")
_SAYS_NOTHING = "fatal: Could not read from remote repository."
"""What git ends with after it has said why."""
_HIDDEN = "***"
_OF_ANOTHER_CHECKOUT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""What a hook that this may be called by has set."""
_SECRET_FIELDS = ("token", "access_token", "password", "app_password")


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A git repository, at a branch, a tag or a commit; at the default branch if none is named.

    A `reference` is a branch, a tag or a commit, whichever there is. `credentials` is a token, a mapping with `username` and
    `password` or `token`, a saved block that has them, or the name of one as `{{ penstock.blocks.TYPE.NAME }}`. A `commit` that
    was fetched once needs no network.
    """

    url: str
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    credentials: Any = field(default=None, repr=False)
    include_submodules: bool = False
    reference: str | None = None

    def __post_init__(self) -> None:
        named = [name for name in _NAMES if getattr(self, name) is not None]
        if len(named) > 1:
            raise NotDeployable(f"Name one of branch, tag and commit of {mask(self.url)}, not {' and '.join(named)}.")
        if not isinstance(self.url, str) or not self.url or self.url.startswith("-"):
            raise NotDeployable(f"The url of a git repository must be text such as https://..., got {self.url!r:.100}.")
        for name in named:
            value = getattr(self, name)
            if (
                not isinstance(value, str)
                or not value
                or value.startswith("-")
                or re.search(r"[\s~^:?*\[\\\x00]", value)
            ):
                raise NotDeployable(f"The {name} of {mask(self.url)} cannot be {value!r:.100}.")
        if self.commit is not None and not COMMIT.fullmatch(self.commit):
            raise NotDeployable(
                f"The commit of {mask(self.url)} must be 7 to 40 hexadecimal digits, got {self.commit!r}."
            )

    def pull(self, destination: Path) -> Resolved:
        """Fetch what is not there yet. Raises `CodeUnavailable` with git's own last line."""
        cache = destination / _cache_key(self.url)
        commit = self.commit or (self.reference if _is_whole(self.reference) else None) or self.find_commit()
        if not _is_whole(commit):
            known = {path.name.partition("+")[0] for path in cache.glob(f"{commit}*") if path.is_dir()}
            commit = known.pop() if len(known) == 1 else commit
        folder = cache / self._folder_name(commit)
        if not folder.is_dir():
            folder = self._fetch(cache, commit)
        return Resolved(folder, folder.name.partition("+")[0])

    def as_step(self) -> Mapping[str, Any]:
        """The step that clones it. Raises `NotDeployable` if it holds a secret itself: deployments are no place for one."""
        if urlsplit(self.url).password:
            raise NotDeployable(
                f"{mask(self.url)} holds a password. Save it in a block and name that as `credentials`."
            )
        options = {name: getattr(self, name) for name in _NAMES if getattr(self, name) is not None}
        if self.include_submodules:
            options["include_submodules"] = True
        if self.credentials is not None:
            options["credentials"] = _name_of_block(self.credentials, self.url)
        return {"git_clone": {"repository": self.url, **options}}

    def find_commit(self) -> str:
        """The commit that the branch, the tag or the default branch is at, by the repository itself. Raises `CodeUnavailable`.

        A reference that is neither is answered as it is if it may be a commit.
        """
        if self.reference is not None:
            wanted = [f"refs/heads/{self.reference}", f"refs/tags/{self.reference}"]
        elif self.branch is not None:
            wanted = [f"refs/heads/{self.branch}"]
        else:
            wanted = ["HEAD" if self.tag is None else f"refs/tags/{self.tag}"]
        names = [shown for name in wanted for shown in (f"{name}^{{}}", name)]  # what a tag stands for before the tag
        said = self._git(["ls-remote", "--", self._bare_url, *names])
        found = {name: commit for commit, _, name in (line.partition("\t") for line in said.splitlines())}
        for name in names:
            if name in found:
                return found[name]
        if self.reference is not None and COMMIT.fullmatch(self.reference):
            return self.reference
        kind = next((kind for kind in _NAMES if getattr(self, kind) is not None), None)
        if kind is None:
            raise CodeUnavailable(f"The git repository {mask(self.url)} has no commit.")
        what = "branch or tag" if kind == "reference" else kind
        raise CodeUnavailable(f"The git repository {mask(self.url)} has no {what} `{getattr(self, kind)}`.")

    @property
    def _bare_url(self) -> str:
        """The URL without what it may hold of credentials."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
            return self.url
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def _folder_name(self, commit: str) -> str:
        return f"{commit}+submodules" if self.include_submodules else commit

    def _fetch(self, cache: Path, commit: str) -> Path:
        """Fetch a commit into a folder of its own, which then takes its place at once: nobody sees half of it."""
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".fetching-", dir=cache))
        try:
            self._git(["init", "--quiet", str(made)])
            try:
                if not _is_whole(commit):
                    raise CodeUnavailable("an abbreviated commit cannot be fetched by itself")
                self._git(["-C", str(made), "fetch", "--quiet", "--depth", "1", "--", self._bare_url, commit])
            except CodeUnavailable:  # a server that gives whole branches only
                refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
                self._git(["-C", str(made), "fetch", "--quiet", "--", self._bare_url, *refs])
            try:
                self._git(["-C", str(made), "checkout", "--quiet", "--detach", commit])
            except CodeUnavailable as error:
                raise CodeUnavailable(f"The git repository {mask(self.url)} has no commit {commit}.") from error
            whole = self._git(["-C", str(made), "rev-parse", "HEAD"]).strip()
            if self.include_submodules:
                self._git(["-C", str(made), "remote", "add", "origin", self._bare_url])
                self._git(["-C", str(made), "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"])
            folder = cache / self._folder_name(whole)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
            return folder
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _git(self, arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=GIT_SECONDS_MAX,
                check=False,
                env=self._environment(),
            )
        except FileNotFoundError as error:
            raise CodeUnavailable(
                "git is not installed: the code of this deployment is in a git repository."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise CodeUnavailable(
                f"The git repository {mask(self.url)} did not answer within {GIT_SECONDS_MAX:.0f} seconds."
            ) from error
        if done.returncode != 0:
            raise CodeUnavailable(f"The git repository {mask(self.url)} cannot be read: {self._last_line(done.stderr)}")
        return done.stdout.decode("utf-8", "replace")

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_CHECKOUT}
        environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        environment.setdefault("GIT_ASKPASS", "true")
        environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        header = self._header()
        if header is not None:
            parts = urlsplit(self._bare_url)
            number = int(environment.get("GIT_CONFIG_COUNT") or 0)
            environment |= {
                "GIT_CONFIG_COUNT": str(number + 1),
                f"GIT_CONFIG_KEY_{number}": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
                f"GIT_CONFIG_VALUE_{number}": header,
            }
        return environment

    def _header(self) -> str | None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https"):
            return None
        user, secret = credentials_of(self.credentials)
        if secret is None:
            secret = parts.password
        if secret is None:
            return None
        return (
            "Authorization: Basic "
            + b64encode(f"{user or parts.username or 'x-access-token'}:{secret}".encode()).decode()
        )

    def _last_line(self, said: bytes) -> str:
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
        told = [line for line in told if line != _SAYS_NOTHING] or told
        text = mask(told[-1] if told else "git said nothing")[:GIT_LINE_MAX]
        _, secret = credentials_of(self.credentials)
        for hidden in (secret, urlsplit(self.url).password):
            if hidden:
                text = text.replace(hidden, _HIDDEN).replace(quote(hidden, safe=""), _HIDDEN)
        return text


def mask(text: str) -> str:
    """A text with the credentials of URLs in it taken out.

    >>> mask("https://me:secret@example.org/x.git is not there")
    'https://***@example.org/x.git is not there'
    """
    return re.sub(r"(?<=://)[^/@\s]+@", f"{_HIDDEN}@", text)


def credentials_of(given: Any) -> tuple[str | None, str | None]:
    """User name and secret: of a token, of a mapping, or of a block by its fields."""
    if given is None:
        return None, None
    if isinstance(given, str):
        return None, given

    def read(name: str) -> Any:  # whatever a user's block has there
        return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)

    secret = next((found for name in _SECRET_FIELDS if (found := _revealed(read(name)))), None)
    if secret is None:
        secret = _revealed(read("value"))
    return _revealed(read("username")), secret


def _revealed(value: Any) -> str | None:
    for reveal in ("get_secret_value", "get"):
        if value is not None and not isinstance(value, str) and callable(getattr(value, reveal, None)):
            value = getattr(value, reveal)()
    return None if value is None else str(value)


def _name_of_block(credentials: Any, url: str) -> str:
    if isinstance(credentials, str) and re.fullmatch(r"\s*\{\{.*\}\}\s*", credentials):
        return credentials
    name, slug_of = (getattr(credentials, each, None) for each in ("_block_document_name", "get_block_type_slug"))
    slug = slug_of() if callable(slug_of) else None
    if isinstance(name, str) and isinstance(slug, str):
        return f"{{{{ penstock.blocks.{slug}.{name} }}}}"
    raise NotDeployable(
        f"The credentials of {mask(url)} must be a saved block, or its name as `{{{{ penstock.blocks.TYPE.NAME }}}}`: "
        "a deployment holds no secrets."
    )


def _is_whole(commit: str | None) -> bool:
    return commit is not None and len(commit) in COMMIT_LENGTHS and COMMIT.fullmatch(commit) is not None


def _cache_key(url: str) -> str:
    """A folder's name for a repository, whoever asks for it."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else url
    name = re.sub(r"[^A-Za-z0-9]+", "-", bare.rstrip("/").removesuffix(".git").rpartition("/")[2]).strip("-") or "code"
    return f"{name[:40]}-{blake2b(bare.encode(), digest_size=6).hexdigest()}"

"""Encrypting secrets at rest: AES-256-GCM, by keys from PENSTOCK_ENCRYPTION_KEY and a file that only its owner can read.

The first key encrypts, all of them decrypt. What is sealed names its key, and is bound to the place that it is kept at, so that
nobody can move it to another. Keys are read each time: another process may have added one.
"""

import base64
import binascii
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.core.errors import EncryptionKeyMissing, SecretUnreadable, SettingInvalid, StoreReadOnly

KEY_FILE = "encryption.key"
SETTING = "PENSTOCK_ENCRYPTION_KEY"
KEY_BYTES = 32
NONCE_BYTES = 12
KEYS_MAX = 100
FORMAT = "1"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the name that it goes by in what it sealed."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells keys apart, and says nothing of them."""
        return hashlib.sha256(b"penstock key" + self.secret).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an installation: those of the setting first, then those of the file."""

    path: Path
    setting: str | None = field(default=None, repr=False)

    def read(self) -> list[Key]:
        """All keys, the one that encrypts first. Raises `SettingInvalid`."""
        texts = [] if self.setting is None else [text for text in self.setting.split(",") if text.strip()]
        keys = [_parse(text, SETTING) for text in texts]
        keys += [_parse(line, str(self.path)) for line in self._lines()]
        return keys[:KEYS_MAX]

    def seal(self, text: str, *, place: str, others: Sequence[str] = ()) -> str:
        """Encrypt a text that is kept at a place. The first secret of all makes a key file.

        `others` are ids of keys that secrets in the database are encrypted with: where one is known and no key is here, a new one
        would not read them. Raises `EncryptionKeyMissing`.
        """
        keys = self.read()
        if not keys:
            if others:
                raise EncryptionKeyMissing(
                    f"The secrets in this database are encrypted with key {others[0]}, and there is no key in {SETTING} or "
                    f"{self.path}. Bring the key here from where they were saved; if it is lost for good, "
                    "`penstock block rotate-keys` makes another."
                )
            keys = [self.make(if_none=True)]
        return _encrypt(keys[0], text, place)

    def open(self, sealed: str, *, place: str, what: str) -> str:
        """Decrypt a text; `what` says whose it is. Raises `SecretUnreadable`."""
        key_id = key_of(sealed)
        keys = self.read()
        known = next((key for key in keys if key.id == key_id), None)
        if known is None:
            here = f"keys {', '.join(key.id for key in keys)} are" if keys else "no key is"
            raise SecretUnreadable(
                what,
                why=f"they were encrypted with key {key_id}, and {here} in {SETTING} or {self.path}. Put that key back; if it "
                "is lost for good, run `penstock block rotate-keys` and save them again.",
            )
        return _decrypt(known, sealed, place, what)

    def make(self, *, if_none: bool = False) -> Key:
        """Put a new key at the head of the file. With `if_none`, the key that another process made meanwhile is as good."""
        with self._locked():
            lines = self._lines()
            if if_none and lines:
                return _parse(lines[0], str(self.path))
            made = base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()
            self._write([made, *lines][:KEYS_MAX])
            return _parse(made, str(self.path))

    def _lines(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(64 * 1024).decode("ascii", "replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EncryptionKeyMissing(f"The keys in {self.path} cannot be read: {error.strerror}.") from error
        if stat.S_IMODE(mode) & 0o077:
            raise SettingInvalid(f"{self.path} can be read by others than its owner. Run `chmod 600 {self.path}`.")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _write(self, lines: Sequence[str]) -> None:
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(fd)
        os.replace(fresh, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # before anything is sealed with a key that power loss could take
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.path.with_name(f"{KEY_FILE}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreReadOnly(f"No key can be kept in {self.path.parent}: {error.strerror}.") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def key_of(sealed: str) -> str:
    """The id of the key that a text was sealed with."""
    return sealed.split(".")[1] if sealed.count(".") == 2 else "unknown"


def _parse(text: str, source: str) -> Key:
    try:
        secret = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise SettingInvalid(
            f"{source} holds something that is no key: one is {KEY_BYTES} bytes in base64, such as `openssl rand -base64 32` prints."
        )
    return Key(secret)


def _encrypt(key: Key, text: str, place: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # lazy: cryptography, 17 ms

    nonce = os.urandom(NONCE_BYTES)
    content = nonce + AESGCM(key.secret).encrypt(nonce, text.encode(), place.encode())
    return f"{FORMAT}.{key.id}.{base64.urlsafe_b64encode(content).decode()}"


def _decrypt(key: Key, sealed: str, place: str, what: str) -> str:
    from cryptography.exceptions import InvalidTag  # lazy: cryptography, 17 ms
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # lazy: cryptography, 17 ms

    version, _, content = sealed.split(".")
    if version != FORMAT:
        raise SecretUnreadable(
            what, why="a newer Penstock encrypted them. Upgrade with `pip install --upgrade penstock`."
        )
    try:
        raw = base64.urlsafe_b64decode(content)
        return AESGCM(key.secret).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable(what, why="what is kept of them is damaged. Save them again.") from error

"""The deployment's keys, which wrap the tenants' keys: 32 bytes in base64 on each line of a file.

The first wraps, all unwrap. To rotate: put a new line first (`openssl rand -base64 32`), restart, run
`python -m tenants.vault_rotation`, and drop the old line. `python -m tenants.vault_keys FILE` makes a first file.
"""

import base64
import binascii
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import OperatorError
from core.private_file import create_once

KEY_BYTES = 32
NONCE_BYTES = 12
_MOST_KEYS = 100


def encrypt(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """AES-256-GCM (NIST SP 800-38D): a random nonce of 12 bytes, then the ciphertext with its tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes | None:
    """None for what was not encrypted with this key and this `associated`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        return None


class DeploymentKeys:
    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise OperatorError(f"A vault needs at least one key, and each has {KEY_BYTES} bytes.")
        self._keys = tuple(keys)

    def seal(self, plaintext: bytes, associated: bytes) -> bytes:
        return encrypt(self._keys[0], plaintext, associated)

    def unseal(self, sealed: bytes, associated: bytes) -> bytes | None:
        """None for what none of the keys sealed with this `associated`."""
        opened = (decrypt(key, sealed, associated) for key in self._keys)
        return next((plaintext for plaintext in opened if plaintext is not None), None)

    def is_current(self, sealed: bytes, associated: bytes) -> bool:
        """Whether it was sealed with the first key, or there is no other it could have been sealed with."""
        return len(self._keys) == 1 or decrypt(self._keys[0], sealed, associated) is not None


def load(path: Path) -> DeploymentKeys:
    """Raises `OperatorError`, which never quotes the file."""
    try:
        lines = path.read_text("ascii").split()
        return DeploymentKeys([base64.b64decode(line, validate=True) for line in lines[:_MOST_KEYS]])
    except OSError as exc:
        raise OperatorError(f"Cannot read the vault's keys in {path}: {exc.strerror}.") from exc
    except (UnicodeDecodeError, binascii.Error, OperatorError):
        raise OperatorError(f"Each line of {path} must be a key of {KEY_BYTES} bytes in base64.") from None


def load_or_create(path: Path) -> DeploymentKeys:
    """As `load`; makes a file with one key first if there is none. Safe in processes that start together."""
    create_once(path, lambda: base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
    return load(path)


if __name__ == "__main__":
    load_or_create(Path(sys.argv[1]))

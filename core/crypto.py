"""Random tokens, their digests, and passwords hashed with argon2 away from the event loop."""

import asyncio
import hashlib
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Of the same cost as a real one, and opened by no password.
_HASH_OF_NOBODY = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"
# Few and its own: a flood of logins must not take the threads that everything else shares.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


def random_token() -> str:
    """43 URL-safe characters that carry 256 random bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """SHA-256, 32 bytes; enough for random tokens, and looked up by index: nothing is left to compare."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def hash_password(password: str) -> str:
    """The argon2id hash with its salt and parameters, in PHC format."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, _HASHER.hash, _normalized(password))


async def verify_password(password: str, password_hash: str | None) -> bool:
    """False for a wrong password, and after the same work for `None`: an account that does not exist."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, _verify, _normalized(password), password_hash or _HASH_OF_NOBODY)


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _normalized(password: str) -> str:
    """Keyboards spell the same character in several ways (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)

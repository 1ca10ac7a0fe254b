"""The keys that sign access tokens: a JSON Web Key Set (RFC 7517) in a file. The first signs, all verify.

To rotate, put a new key at the front and restart; drop the old one when its last token has expired.
`python -m tenants.signing_keys FILE` makes a file with one new key.
"""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt import PyJWK, PyJWTError
from jwt.algorithms import OKPAlgorithm

from core.errors import OperatorError
from core.private_file import create_once

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`algorithm` is the only one this key is ever used with; a key without `private` only verifies."""

    kid: str
    algorithm: str
    private: PrivateKey | None
    public: PublicKey
    public_jwk: dict[str, str]


class SigningKeys:
    def __init__(self, keys: list[SigningKey]) -> None:
        self._by_kid = {key.kid: key for key in keys}
        if len(self._by_kid) < len(keys):
            raise OperatorError("Two signing keys share a `kid`; give each its own.")
        if not keys or keys[0].private is None:
            raise OperatorError("The first signing key must be a private one: it signs.")
        self.signing = keys[0]
        self.private = keys[0].private

    def find(self, kid: object) -> SigningKey | None:
        return self._by_kid.get(kid) if isinstance(kid, str) else None

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """For `/.well-known/jwks.json`: no private member."""
        return {"keys": [key.public_jwk for key in self._by_kid.values()]}


def load(path: Path) -> SigningKeys:
    """Raises `OperatorError`, which never quotes the file."""
    try:
        jwks = json.loads(path.read_bytes())["keys"]
        return SigningKeys([_signing_key(jwk) for jwk in jwks])
    except OSError as exc:
        raise OperatorError(f"Cannot read the signing keys in {path}: {exc.strerror}.") from exc
    except (ValueError, KeyError, TypeError, AttributeError, PyJWTError):
        # PyJWT's messages contain the key.
        raise OperatorError(
            f"{path} is no JSON Web Key Set whose keys have `kid` and `alg`"
            " (EdDSA with Ed25519, ES256 with P-256, or RS256 with at least 2048 bits)."
        ) from None


def load_or_create(path: Path) -> SigningKeys:
    """As `load`; makes an Ed25519 key first if there is no file. Safe in processes that start together."""
    create_once(path, lambda: json.dumps({"keys": [_new_jwk()]}))
    return load(path)


def _new_jwk() -> dict[str, Any]:
    jwk = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {"kid": secrets.token_hex(8), "alg": "EdDSA", "use": "sig", **jwk}


def _signing_key(jwk: dict[str, Any]) -> SigningKey:
    kid, algorithm = jwk["kid"], jwk["alg"]
    parsed = PyJWK(jwk, algorithm)
    key = parsed.key
    private = key if isinstance(key, PrivateKey) else None
    public = private.public_key() if private else key
    if not isinstance(kid, str) or not _fits(algorithm, public):
        raise ValueError("kid or alg")
    public_jwk = {"kid": kid, "alg": algorithm, "use": "sig", **parsed.Algorithm.to_jwk(public, as_dict=True)}
    return SigningKey(kid, algorithm, private, public, public_jwk)


def _fits(algorithm: str, key: object) -> bool:
    match algorithm, key:
        case "EdDSA", Ed25519PublicKey():
            return True
        case "ES256", EllipticCurvePublicKey(curve=SECP256R1()):
            return True
        case "RS256", RSAPublicKey(key_size=bits):
            return bits >= 2048
    return False


if __name__ == "__main__":
    load_or_create(Path(sys.argv[1]))

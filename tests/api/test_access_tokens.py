"""Tokens that must not open anything: each gets a 401 with a stable code, never a 500."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.launch import House
from tenants import signing_keys
from tenants.signing_keys import SigningKey
from tests.api.callers import access_tokens, context_of, nobody
from tests.api.person import Person

REFUSED = (401, "token_invalid")
# Its header is JSON that no parser gets to the bottom of.
NESTED = f"{urlsafe_b64encode(b'[' * 2997).decode()}.e30.e30"


@pytest.fixture(scope="module")
def member(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


@pytest.fixture
def key(house: House) -> SigningKey:
    return signing_keys.load(Path(house.environment["ATRIUM_JWT_KEYS_FILE"])).signing


@pytest.fixture
def claims(member: Person) -> dict[str, Any]:
    """Those of a valid token."""
    token: str = member.tokens["access_token"]
    return jwt.decode(token, options={"verify_signature": False})


def tried(house: House, authorization: bytes) -> tuple[int, str]:
    with nobody(house) as client:
        answer = client.get("/auth/me", headers={b"Authorization": authorization})
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    return answer.status_code, answer.json()["code"]


def bearing(house: House, token: str) -> tuple[int, str]:
    return tried(house, f"Bearer {token}".encode("latin-1"))


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def test_an_expired_token(house: House, member: Person) -> None:
    token = access_tokens(house, lifetime_seconds=-60).issue(context_of(member))
    assert bearing(house, token) == (401, "token_expired")


@pytest.mark.parametrize("changed", [{"audience": "another-api"}, {"issuer": "another-house"}])
def test_a_token_for_or_from_somewhere_else(house: House, member: Person, changed: dict[str, str]) -> None:
    assert bearing(house, access_tokens(house, **changed).issue(context_of(member))) == REFUSED


def test_a_token_of_an_unknown_key(house: House, member: Person, tmp_path: Path) -> None:
    foreign = signing_keys.load_or_create(tmp_path / "keys.json")
    assert bearing(house, access_tokens(house, keys=foreign).issue(context_of(member))) == REFUSED


def test_a_token_that_another_key_signed_under_our_key_s_name(
    house: House, claims: dict[str, Any], key: SigningKey
) -> None:
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": key.kid})
    assert bearing(house, forged) == REFUSED


def test_a_token_whose_role_was_changed(house: House, member: Person, claims: dict[str, Any]) -> None:
    header, _, signature = member.tokens["access_token"].split(".")
    promoted = _encoded(json.dumps(claims | {"role": "admin"}).encode())
    assert bearing(house, f"{header}.{promoted}.{signature}") == REFUSED


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
@pytest.mark.parametrize("with_kid", [True, False])
def test_a_token_without_a_signature(
    house: House, claims: dict[str, Any], key: SigningKey, algorithm: str, *, with_kid: bool
) -> None:
    header = {"alg": algorithm, "typ": "JWT"} | ({"kid": key.kid} if with_kid else {})
    assert bearing(house, f"{unsigned(header, claims)}.") == REFUSED


def test_a_token_signed_with_the_public_key_as_a_shared_secret(
    house: House, claims: dict[str, Any], key: SigningKey
) -> None:
    text = unsigned({"alg": "HS256", "typ": "JWT", "kid": key.kid}, claims)
    pem = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), key.public_jwk["x"].encode()):
        signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        assert bearing(house, f"{text}.{_encoded(signature)}") == REFUSED


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "exp", "iat", "jti", "tid", "role"])
def test_a_token_that_lacks_a_claim(house: House, claims: dict[str, Any], key: SigningKey, missing: str) -> None:
    kept = {name: value for name, value in claims.items() if name != missing}
    assert bearing(house, signed(key, kept)) == REFUSED


@pytest.mark.parametrize("changed", [{"role": "god"}, {"tid": "7"}, {"sub": None}, {"tid": ["a"]}, {"exp": "soon"}])
def test_a_token_whose_claims_make_no_sense(
    house: House, claims: dict[str, Any], key: SigningKey, changed: dict[str, Any]
) -> None:
    text = unsigned({"alg": key.algorithm, "kid": key.kid}, claims | changed)
    assert key.private is not None
    assert bearing(house, f"{text}.{_encoded(key.private.sign(text.encode()))}") == REFUSED  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b.c",
        "..",
        "....",
        "e30.e30.e30",
        "x" * 8192,
        "W10.W10.W10",
        "bnVsbA.bnVsbA.",
        "\xff\xfe",
        NESTED,
    ],
)
def test_garbage(house: House, token: str) -> None:
    assert bearing(house, token) == REFUSED


@pytest.mark.parametrize("authorization", ["Basic QTpC", "Bearer", "Token abc", ""])
def test_a_header_that_bears_no_token(house: House, authorization: str) -> None:
    assert tried(house, authorization.encode()) == (401, "unauthenticated")


def signed(key: SigningKey, claims: dict[str, Any]) -> str:
    assert key.private is not None
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": key.kid})

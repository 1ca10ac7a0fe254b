import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from core.errors import Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import signing_keys
from tenants.tokens import AccessTokens

CTX = TenantContext(uuid4(), uuid4(), Role.MEMBER)


def jwk(algorithm: str, kid: str) -> dict[str, Any]:
    made: dict[str, Any]
    match algorithm:
        case "EdDSA":
            made = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True)
        case "ES256":
            made = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
        case _:
            made = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    return {"kid": kid, "alg": algorithm, **made}


def access_tokens(folder: Path, *jwks: dict[str, Any], audience: str = "atrium-api") -> AccessTokens:
    path = folder / f"{uuid4().hex}.json"
    path.write_text(json.dumps({"keys": jwks}))
    keys = signing_keys.load(path)
    return AccessTokens(keys, issuer="atrium", audience=audience, lifetime_seconds=900)


@pytest.fixture(scope="module")
def key() -> dict[str, Any]:
    return jwk("EdDSA", "one")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, key: dict[str, Any]) -> AccessTokens:
    return access_tokens(tmp_path_factory.mktemp("keys"), key)


Forge = Callable[..., str]


@pytest.fixture
def forge(key: dict[str, Any]) -> Forge:
    """Tokens signed with our very key, one thing changed."""

    def sign(headers: dict[str, Any] | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "atrium",
            "aud": "atrium-api",
            "sub": str(CTX.user_id),
            "exp": now + 900,
            "iat": now,
            "jti": "j",
            "tid": str(CTX.tenant_id),
            "role": "member",
        } | changes
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(present, jwt.PyJWK(key).key, "EdDSA", {"kid": "one"} | (headers or {}))

    return sign


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def segment(part: Any) -> str:
    return encoded(json.dumps(part).encode())


def refusal_code(tokens: AccessTokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        tokens.verify(token)
    return refusal.value.code


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_an_issued_token_verifies_to_the_same_context(tmp_path: Path, algorithm: str) -> None:
    tokens = access_tokens(tmp_path, jwk(algorithm, "one"))
    assert tokens.verify(tokens.issue(CTX)) == CTX


def test_a_token_names_its_key_and_carries_every_claim(tokens: AccessTokens) -> None:
    token = tokens.issue(CTX)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "one", "typ": "JWT"}
    assert set(claims) == {"iss", "aud", "sub", "exp", "iat", "jti", "tid", "role"}
    assert claims["exp"] - claims["iat"] == 900


def test_the_forgery_kit_makes_valid_tokens(tokens: AccessTokens, forge: Forge) -> None:
    assert tokens.verify(forge()) == CTX


def test_a_rotated_key_signs_while_the_old_one_still_verifies(tmp_path: Path) -> None:
    old, new = jwk("RS256", "old"), jwk("EdDSA", "new")
    before, after = access_tokens(tmp_path, old), access_tokens(tmp_path, new, old)
    assert after.verify(before.issue(CTX)) == CTX
    assert jwt.get_unverified_header(after.issue(CTX))["kid"] == "new"
    assert refusal_code(access_tokens(tmp_path, new), before.issue(CTX)) == "token_invalid"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "jti", "tid", "role"])
def test_every_claim_is_required(tokens: AccessTokens, forge: Forge, claim: str) -> None:
    assert refusal_code(tokens, forge(**{claim: None})) == "token_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone"},
        {"aud": "another-api"},
        {"aud": ["atrium-api", "another-api"]},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"sub": 7},
        {"sub": "ann"},
        {"tid": 7},
        {"tid": []},
        {"tid": "\ud800"},
        {"role": "root"},
        {"role": ["owner"]},
        {"jti": 7},
    ],
    ids=str,
)
def test_a_claim_of_the_wrong_value_or_kind_is_invalid(
    tokens: AccessTokens, forge: Forge, changes: dict[str, Any]
) -> None:
    assert refusal_code(tokens, forge(**changes)) == "token_invalid"


def test_an_expired_token_says_so(tokens: AccessTokens, forge: Forge) -> None:
    assert refusal_code(tokens, forge(exp=int(time.time()) - 60)) == "token_expired"


def test_an_expired_forgery_does_not_say_so(tokens: AccessTokens, forge: Forge) -> None:
    token = forge(exp=1)
    assert refusal_code(tokens, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")) == "token_invalid"


def test_clocks_may_differ_by_a_few_seconds(tokens: AccessTokens, forge: Forge) -> None:
    assert tokens.verify(forge(iat=int(time.time()) + 3)) == CTX


@pytest.mark.parametrize("header", [{}, {"kid": None}, {"kid": ""}, {"kid": "two"}, {"kid": 7}, {"kid": ["one"]}])
def test_a_signature_counts_only_under_the_name_of_its_key(
    tokens: AccessTokens, key: dict[str, Any], forge: Forge, header: dict[str, Any]
) -> None:
    signing_input = f"{segment({'alg': 'EdDSA'} | header)}.{forge().split('.')[1]}"
    signature = jwt.PyJWK(key).Algorithm.sign(signing_input.encode(), jwt.PyJWK(key).key)
    assert refusal_code(tokens, f"{signing_input}.{encoded(signature)}") == "token_invalid"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_a_token_without_a_signature_is_invalid(tokens: AccessTokens, forge: Forge, algorithm: str | None) -> None:
    payload = forge().split(".")[1]
    header = segment({"alg": algorithm, "kid": "one"})
    assert refusal_code(tokens, f"{header}.{payload}.") == "token_invalid"


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_public_key_is_no_shared_secret(tmp_path: Path, forge: Forge, algorithm: str) -> None:
    tokens = access_tokens(tmp_path, jwk(algorithm, "one"))
    public = tokens._keys.signing.public
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ]
    claims = jwt.decode(forge(), options={"verify_signature": False})
    for secret in secrets:
        signing_input = jwt.encode(claims, "x" * 32, "HS256", {"kid": "one"}).rsplit(".", 1)[0]
        mac = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), secret)
        assert refusal_code(tokens, f"{signing_input}.{encoded(mac)}") == "token_invalid"


def test_a_token_for_another_audience_of_the_same_keys_is_invalid(tmp_path: Path, key: dict[str, Any]) -> None:
    token = access_tokens(tmp_path, key, audience="atrium-admin").issue(CTX)
    assert refusal_code(access_tokens(tmp_path, key), token) == "token_invalid"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\x00",
        "\ud800",
        "é.é.é",
        "x" * 1_000_000,
        "." * 1_000_000,
        encoded(b"[" * 2000) + ".e30.AAAA",
    ],
    ids=lambda token: repr(token[:12]),
)
def test_garbage_is_invalid(tokens: AccessTokens, token: str) -> None:
    assert refusal_code(tokens, token) == "token_invalid"


def test_a_million_characters_are_refused_unread(tokens: AccessTokens, forge: Forge) -> None:
    assert refusal_code(tokens, forge(padding="x" * 5000)) == "token_invalid"


@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_any_text_is_refused_and_never_an_accident(tokens: AccessTokens, text: str) -> None:
    assert refusal_code(tokens, text) == "token_invalid"


@given(st.integers(min_value=0), st.characters())
def test_a_token_with_one_character_changed_is_refused(tokens: AccessTokens, position: int, character: str) -> None:
    token = tokens.issue(CTX)
    position %= len(token)
    if character == token[position]:
        return
    assert refusal_code(tokens, token[:position] + character + token[position + 1 :]) == "token_invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5u"]), JSON),
    JSON,
    st.binary(),
)
def test_any_json_in_the_shape_of_a_token_is_refused(
    tokens: AccessTokens, header: dict[str, Any], payload: Any, signature: bytes
) -> None:
    token = f"{segment({'alg': 'EdDSA', 'kid': 'one'} | header)}.{segment(payload)}.{encoded(signature)}"
    assert refusal_code(tokens, token) == "token_invalid"

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from core.errors import OperatorError
from tenants import signing_keys


def ed25519_jwk(kid: str = "one") -> dict[str, Any]:
    key = ed25519.Ed25519PrivateKey.generate()
    return {"kid": kid, "alg": "EdDSA", **OKPAlgorithm.to_jwk(key, as_dict=True)}


def write(path: Path, *jwks: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"keys": jwks}))
    return path


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "data" / "jwt-keys.json"
    made = signing_keys.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.signing.algorithm == "EdDSA"
    assert signing_keys.load_or_create(path).public_jwks() == made.public_jwks()
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_together_read_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "jwt-keys.json"
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(signing_keys.load_or_create, [path] * 16))
    assert len({keys.signing.kid for keys in loaded}) == 1


def test_the_public_set_has_no_private_member(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    path = write(
        tmp_path / "keys.json",
        ed25519_jwk("ed"),
        {"kid": "ec", "alg": "ES256", **ECAlgorithm.to_jwk(ec_key, as_dict=True)},
        {"kid": "rsa", "alg": "RS256", **RSAAlgorithm.to_jwk(rsa_key, as_dict=True)},
    )
    published = signing_keys.load(path).public_jwks()["keys"]
    assert [(jwk["kid"], jwk["alg"], jwk["use"]) for jwk in published] == [
        ("ed", "EdDSA", "sig"),
        ("ec", "ES256", "sig"),
        ("rsa", "RS256", "sig"),
    ]
    assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & {name for jwk in published for name in jwk}


def test_a_public_key_may_stay_to_verify_but_cannot_sign(tmp_path: Path) -> None:
    old = ed25519_jwk("old")
    del old["d"]
    keys = signing_keys.load(write(tmp_path / "keys.json", ed25519_jwk("new"), old))
    assert keys.signing.kid == "new"
    assert keys.find("old") is not None
    with pytest.raises(OperatorError, match="signs"):
        signing_keys.load(write(tmp_path / "public.json", old))


def unusable_sets() -> dict[str, Any]:
    ed448_jwk = OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate(), as_dict=True)
    p384 = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    small = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024), as_dict=True)
    nameless = {name: value for name, value in ed25519_jwk().items() if name != "kid"}
    return {
        "no set": [],
        "no keys": {"keys": []},
        "not an object": {"keys": ["secret"]},
        "symmetric": {"keys": [{"kid": "a", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0"}]},
        "algorithm of another key": {"keys": [ed25519_jwk() | {"alg": "ES256"}]},
        "no algorithm": {"keys": [ed25519_jwk() | {"alg": None}]},
        "Ed448": {"keys": [{"kid": "a", "alg": "EdDSA", **ed448_jwk}]},
        "P-384": {"keys": [{"kid": "a", "alg": "ES256", **p384}]},
        "1024 bits": {"keys": [{"kid": "a", "alg": "RS256", **small}]},
        "no kid": {"keys": [nameless]},
        "one kid twice": {"keys": [ed25519_jwk(), ed25519_jwk()]},
        "broken": {"keys": [ed25519_jwk() | {"x": "AAAA"}]},
        "no kty": {"keys": [{"kid": "a", "alg": "EdDSA", "d": "secret"}]},
    }


@pytest.mark.parametrize("case", unusable_sets())
def test_an_unusable_set_is_refused_without_quoting_it(tmp_path: Path, case: str) -> None:
    path = tmp_path / "keys.json"
    content = unusable_sets()[case]
    path.write_text(json.dumps(content))
    with pytest.raises(OperatorError) as refusal:
        signing_keys.load(path)
    assert "secret" not in refusal.value.detail
    assert refusal.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"none\.json"):
        signing_keys.load(tmp_path / "none.json")

import pytest

from core import crypto
from core.crypto import hash_password, random_token, token_digest, verify_password


def test_tokens_never_repeat_and_carry_256_bits() -> None:
    tokens = {random_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}


def test_a_digest_exists_even_for_half_a_character() -> None:
    assert token_digest("abc").hex().startswith("ba7816bf")
    assert len(token_digest("\ud800")) == 32


async def test_only_the_right_password_opens() -> None:
    password_hash = await hash_password("correct horse battery")
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await verify_password("correct horse battery", password_hash)
    assert not await verify_password("correct horse batterz", password_hash)


async def test_the_same_password_has_another_hash_each_time() -> None:
    assert await hash_password("correct horse battery") != await hash_password("correct horse battery")


async def test_a_password_opens_however_its_accents_are_spelled() -> None:
    assert await verify_password("cafe\u0301 au lait", await hash_password("café au lait"))


async def test_an_unknown_account_costs_a_real_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    verify = crypto._verify

    def watched(password: str, password_hash: str) -> bool:
        seen.append(password_hash)
        return verify(password, password_hash)

    monkeypatch.setattr(crypto, "_verify", watched)
    assert not await verify_password("correct horse battery", None)
    # Were it malformed or cheaper, the time would tell who has an account.
    assert seen[0].split("$")[:4] == (await hash_password("correct horse battery")).split("$")[:4]


async def test_a_locked_account_opens_for_no_password() -> None:
    assert not await verify_password("!", "!")

"""What the doors say that a secret has, and what is taken as one, are the same."""

import pytest

from core.errors import Invalid
from tools.admin import connecting
from tools.credentials.schemes import ApiKey, AuthorizationCode, Basic, Bearer, ClientCredentials, Scheme
from tools.credentials.secret_fields import check_secret

SCHEMES: list[Scheme] = [
    ApiKey(id="a", location="header", name="X-Key"),
    Basic(id="a"),
    Bearer(id="a"),
    ClientCredentials(id="a", token_url="https://example.com/token"),
    AuthorizationCode(
        id="a", token_url="https://example.com/token", authorization_url="https://example.com/authorize"
    ),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.type)
def test_the_fields_that_are_named_are_those_that_are_taken(scheme: Scheme) -> None:
    want = connecting.want(scheme)
    least = dict.fromkeys(want.fields, "post")
    most = least | dict.fromkeys(want.optional_fields, "post")
    assert check_secret(scheme, least) == least
    assert check_secret(scheme, most) == most
    for name in want.fields:
        with pytest.raises(Invalid):
            check_secret(scheme, {other: value for other, value in most.items() if other != name})
    with pytest.raises(Invalid):
        check_secret(scheme, most | {"other": "post"})

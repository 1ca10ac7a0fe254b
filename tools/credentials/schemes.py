"""How a tool proves who calls it: the public part, which is kept with the tool. The secret is in the vault."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Url = Annotated[str, Field(min_length=1, max_length=2048)]
# RFC 9110, 5.6.2, which names of cookies share; and the headers that say where a request goes and where it ends.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"})
Scopes = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)]


class _Scheme(BaseModel):
    """`id` names the secret among those of one tool, import or server; `per_user`: everyone connects their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,100}$")
    per_user: bool = False


class ApiKey(_Scheme):
    """The secret is sent as the header, query parameter or cookie `name`. Stored as {"api_key": …}."""

    type: Literal["api_key"] = "api_key"
    location: Literal["header", "query", "cookie"]
    name: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def name_fits_its_location(self) -> Self:
        if self.location != "query" and not _TOKEN.fullmatch(self.name):
            raise ValueError("the name of a header or cookie has letters, digits and - _ . only")
        if self.location == "header" and self.name.lower() in _FRAMING:
            raise ValueError("this header belongs to HTTP itself")
        return self


class Basic(_Scheme):
    """RFC 7617. Stored as {"username": …, "password": …}."""

    type: Literal["basic"] = "basic"


class Bearer(_Scheme):
    """RFC 6750. Stored as {"token": …}."""

    type: Literal["bearer"] = "bearer"


class ClientCredentials(_Scheme):
    """RFC 6749, 4.4. Stored as {"client_id": …, "client_secret": …}.

    "token_endpoint_auth": "post" beside them sends both in the body, for servers that do not know HTTP basic.
    """

    type: Literal["oauth2_client_credentials"] = "oauth2_client_credentials"
    token_url: Url
    scopes: Scopes = ()


class AuthorizationCode(_Scheme):
    """RFC 6749, 4.1, with PKCE (RFC 7636).

    The tenant stores {"client_id": …, "client_secret": … or none}; whoever connects stores their tokens by going
    through the authorization: everyone their own if `per_user`, or one for the tenant.
    """

    type: Literal["oauth2_authorization_code"] = "oauth2_authorization_code"
    authorization_url: Url
    token_url: Url
    scopes: Scopes = ()


Scheme = Annotated[ApiKey | Basic | Bearer | ClientCredentials | AuthorizationCode, Field(discriminator="type")]

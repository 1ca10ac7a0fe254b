"""An OAuth 2 server of Authlib's, and an API that takes its access tokens, over HTTP on 127.0.0.1."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CALLBACK = "https://atrium.example/v1/oauth/callback"


@dataclass
class Client:
    client_id: str
    client_secret: str = field(default_factory=lambda: f"canary-client-secret-{uuid4().hex}")
    method: str = "client_secret_basic"

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == CALLBACK

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""


@dataclass
class Code:
    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Refresh:
    refresh_token: str
    scope: str

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: Client) -> bool:
        return True


@dataclass
class OAuthPeer:
    """`asked` are the forms of token requests, `authorized` which Authorization headers the API saw.

    `broken` is answered by the token endpoint instead; `held` keeps its answers back until it is set.
    """

    port: int = 0
    lifetime: int = 3600
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    access_tokens: set[str] = field(default_factory=set)
    refresh_tokens: dict[str, Refresh] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    broken: Response | None = None
    held: asyncio.Event | None = None

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def client(self, client_id: str = "atrium", **kept: str) -> Client:
        return self.clients.setdefault(client_id, Client(client_id, **kept))


class FormRequest(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, headers: dict[str, str], values: dict[str, str]) -> None:
        super().__init__(method, "https://oauth.example/", headers=headers)
        self.payload = BasicOAuth2Payload(values)

    @property
    def form(self) -> dict[str, str]:
        values: dict[str, str] = self.payload.data
        return values


class Codes(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

    def save_authorization_code(self, code: str, request: FormRequest) -> None:
        asked = request.payload
        self.server.peer.codes[code] = Code(
            asked.client_id,
            asked.redirect_uri,
            asked.scope or "",
            asked.data["code_challenge"],
            asked.data["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found: Code | None = self.server.peer.codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        codes = self.server.peer.codes
        self.server.peer.codes = {code: one for code, one in codes.items() if one is not authorization_code}

    def authenticate_user(self, authorization_code: Code) -> str:
        return "ann"


class Refreshes(grants.RefreshTokenGrant):  # type: ignore[misc]
    """Every refresh token is good once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        found: Refresh | None = self.server.peer.refresh_tokens.get(refresh_token)
        return found

    def authenticate_user(self, refresh_token: Refresh) -> str:
        return "ann"

    def revoke_old_credential(self, refresh_token: Refresh) -> None:
        del self.server.peer.refresh_tokens[refresh_token.refresh_token]


class ClientGrants(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, peer: OAuthPeer) -> None:
        super().__init__()
        self.peer = peer
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: f"canary-access-{uuid4().hex}",
                lambda **_: f"canary-refresh-{uuid4().hex}",
                lambda *_: peer.lifetime,
            ),
        )
        self.register_grant(Codes, [CodeChallenge(required=True)])
        self.register_grant(Refreshes)
        self.register_grant(ClientGrants)

    def query_client(self, client_id: str) -> Client | None:
        return self.peer.clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: FormRequest) -> None:
        self.peer.access_tokens.add(token["access_token"])
        if refresh_token := token.get("refresh_token"):
            self.peer.refresh_tokens[refresh_token] = Refresh(refresh_token, token.get("scope", ""))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: FormRequest) -> FormRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        if isinstance(body, dict):
            return JSONResponse(body, status)
        return Response(body, status, dict(headers))


@asynccontextmanager
async def oauth_server() -> AsyncIterator[OAuthPeer]:
    peer = OAuthPeer()
    server = Server(peer)

    async def authorize(request: Request) -> Response:
        """Ann consents to whatever is asked."""
        asked = FormRequest("GET", dict(request.headers), dict(request.query_params))
        try:
            grant = server.get_consent_grant(asked, end_user="ann")
        except OAuth2Error as error:
            return JSONResponse({"error": error.error}, 400)
        answer: Response = server.create_authorization_response(asked, grant_user="ann", grant=grant)
        return answer

    async def token(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        peer.asked.append(form)
        if peer.held:
            await peer.held.wait()
        if peer.broken:
            return peer.broken
        headers = {name.title(): value for name, value in request.headers.items()}
        answer: Response = server.create_token_response(FormRequest("POST", headers, form))
        return answer

    async def api(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and given in peer.access_tokens:
            return JSONResponse({"said": "hello"})
        if scheme == "Basic" and base64.b64decode(given).decode() == "ann:canary-password":
            return JSONResponse({"said": "hello"})
        return JSONResponse({"error": "unauthorized"}, 401)

    app = Starlette(
        routes=[Route("/authorize", authorize), Route("/token", token, methods=["POST"]), Route("/api", api)]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    peer.port = listener.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    # Ctrl-C is the test run's.
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(running.serve(sockets=[listener]))
    try:
        yield peer
    finally:
        running.should_exit = True
        await serving

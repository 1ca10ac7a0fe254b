import re

import pytest

from core.errors import OperatorError
from core.settings import Settings, load_settings

STUDIO = "https://smith.langchain.com"


def may_call(settings: Settings, origin: str) -> bool:
    return re.fullmatch(settings.cors_origin_regex, origin) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_server_that_only_this_machine_reaches_may_be_anonymous(host: str) -> None:
    assert load_settings(host=host, anonymous_tenant="acme").anonymous_tenant == "acme"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "atrium.example", "localhost.example"])
def test_a_server_that_others_reach_is_never_anonymous(host: str) -> None:
    with pytest.raises(OperatorError, match="ATRIUM_ANONYMOUS_TENANT"):
        load_settings(host=host, anonymous_tenant="acme")


def test_where_a_token_is_needed_every_page_may_call() -> None:
    assert may_call(load_settings(), "https://chat.example")


def test_where_nobody_logs_in_only_this_machines_pages_and_studio_may_call() -> None:
    settings = load_settings(anonymous_tenant="acme")
    for origin in (STUDIO, "http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"):
        assert may_call(settings, origin)
    for origin in ("https://evil.example", "http://localhost.evil.example", f"{STUDIO}.evil.example", "null"):
        assert not may_call(settings, origin)


def test_pages_that_are_named_may_call_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_CORS_ORIGINS", f"https://chat.example, {STUDIO}")
    settings = load_settings()
    assert settings.cors_origins == ("https://chat.example", STUDIO)
    assert may_call(settings, "https://chat.example")
    assert not may_call(settings, "https://chatxexample")
    assert not may_call(settings, "https://other.example")

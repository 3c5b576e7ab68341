"""The portal's login: the whole way through a real issuer, and every way to abuse it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from itsdangerous import URLSafeSerializer
from pydantic import SecretStr
from sqlalchemy import text

from app.errors import Misconfigured
from app.identity.logins import LOGIN_TIME, begin_login
from app.identity.sessions import csrf_token
from app.main import create_app
from app.settings import Settings
from app.web.login import safe_target
from tests.api.serving import Served, serving, statements
from tests.identity.issuer import TestIssuer

Browser = Callable[[], httpx.Client]
COOKIE = "mlrelease"


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def browser(service: Served) -> Iterator[Browser]:
    """A new browser at the portal; it follows no redirects by itself."""
    opened: list[httpx.Client] = []

    def browser() -> httpx.Client:
        opened.append(httpx.Client(base_url=service.url, trust_env=False, timeout=60))
        return opened[-1]

    yield browser
    for each in opened:
        each.close()


def agree(browser: httpx.Client, go_to: str = "/") -> str:
    """Begin a login and let the person agree at the issuer: the path and query of the way back."""
    begun = browser.get("/login", params={"go_to": go_to})
    assert begun.status_code == 303
    back = urlsplit(httpx.get(begun.headers["Location"], trust_env=False).headers["Location"])
    assert back.path == "/login/callback"
    return f"{back.path}?{back.query}"


def log_in(browser: httpx.Client, go_to: str = "/") -> httpx.Response:
    return browser.get(agree(browser, go_to))


def test_login_gives_a_session_that_may_read(browser: Browser) -> None:
    anna = browser()
    assert anna.get("/v1/releases").status_code == 401

    back = log_in(anna, "/releases/churn-1?tab=plan")

    assert (back.status_code, back.headers["Location"]) == (303, "/releases/churn-1?tab=plan")
    assert anna.get("/v1/releases").status_code == 200
    (cookie,) = [
        each
        for each in back.headers.get_list("Set-Cookie")
        if each.startswith(f"{COOKIE}=") and "Max-Age=0" not in each
    ]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_logging_in_and_out_is_on_record(browser: Browser, root: httpx.Client) -> None:
    anna = browser()
    log_in(anna)
    anna.post("/logout", data={"csrf_token": csrf_token(anna.cookies[COOKIE])})

    kinds = [(each["kind"], each["actor"], each["via"]) for each in root.get("/v1/events").json()["items"]]
    assert kinds[-2:] == [("session.opened", "anna", "portal"), ("session.closed", "anna", "portal")]
    assert anna.get("/v1/releases").status_code == 401


def test_cookie_is_a_hash_in_the_database(browser: Browser, service: Served) -> None:
    anna = browser()
    log_in(anna)

    with service.service.database.read() as session:
        kept = session.connection().execute(text("SELECT * FROM portal_session")).all()
    assert len(kept) == 1
    assert anna.cookies[COOKIE] not in str(kept)


def test_session_that_was_planted_is_not_the_one_that_is_logged_in(browser: Browser) -> None:
    """Fixation: the attacker knows a cookie, plants it, and waits for the login."""
    victim, attacker = browser(), browser()
    log_in(attacker)
    planted = attacker.cookies[COOKIE]
    victim.cookies.set(COOKIE, planted, domain="127.0.0.1")

    log_in(victim)

    assert victim.cookies.get(COOKIE, domain="127.0.0.1", path="/") != planted
    assert attacker.get("/v1/releases").status_code == 401, "what was planted has ended"


def test_way_back_is_of_use_once_and_to_the_browser_that_began(browser: Browser) -> None:
    anna, mallory = browser(), browser()
    back = agree(anna)

    assert mallory.get(back).json()["code"] == "login_unknown"
    assert anna.get(back).status_code == 303
    assert anna.get(back).json()["code"] == "login_unknown"


def test_logins_that_others_begin_leave_nothing_behind_and_forget_nobodys(browser: Browser, service: Served) -> None:
    anna, mallory = browser(), browser()
    back = agree(anna)

    with statements(service.service.database.engine) as seen:
        for _ in range(200):
            assert mallory.get("/login").status_code == 303

    assert seen == []
    assert anna.get(back).status_code == 303


@pytest.mark.parametrize("how", ["changed", "of_another_key", "expired", "of_another_purpose", "nothing"])
def test_login_that_this_service_did_not_begin_is_unknown(
    browser: Browser, settings: Settings, how: str, issuer: TestIssuer
) -> None:
    keys, now = settings.given_signing_keys, datetime.now(UTC)
    login, cookie = begin_login(keys, go_to="/", now=now)
    forged = {
        "changed": ("A" if cookie[0] != "A" else "B") + cookie[1:],
        "of_another_key": begin_login(["x" * 40], go_to="/", now=now)[1],
        "expired": begin_login(keys, go_to="/", now=now - 2 * LOGIN_TIME)[1],
        "of_another_purpose": URLSafeSerializer(list(keys), salt="mlrelease.chat.decide").dumps(["x"] * 5),
        "nothing": "",
    }[how]
    anna = browser()
    anna.cookies.set(f"{COOKIE}-login", str(forged), domain="127.0.0.1")

    answer = anna.get("/login/callback", params={"state": login.state, "code": "c"})

    assert (answer.status_code, answer.json()["code"]) == (401, "login_unknown")
    assert "/token" not in issuer.requests


def test_way_back_of_an_attacker_does_not_log_a_victim_in(browser: Browser) -> None:
    """Login CSRF: the victim is to work, unknowing, as the attacker."""
    mallory, victim = browser(), browser()
    back = agree(mallory)
    agree(victim)

    assert victim.get(back).status_code == 401
    assert COOKIE not in victim.cookies


def test_code_of_another_login_is_refused_by_its_challenge(browser: Browser) -> None:
    anna, mallory = browser(), browser()
    stolen = parse_qs(urlsplit(agree(anna)).query)["code"][0]
    state = parse_qs(urlsplit(agree(mallory)).query)["state"][0]

    answer = mallory.get("/login/callback", params={"code": stolen, "state": state})

    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused")


def test_token_of_another_login_is_refused_by_its_nonce(browser: Browser, issuer: TestIssuer) -> None:
    issuer.nonce = "of-another-login"

    answer = log_in(browser())

    assert (answer.status_code, answer.json()["code"]) == (401, "nonce_wrong")


@pytest.mark.parametrize(
    "go_to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "///x",
        "//[",
        "/\\[",
        "x",
    ],
)
def test_login_leads_nowhere_else(browser: Browser, go_to: str) -> None:
    assert safe_target(go_to) == "/"
    assert log_in(browser(), go_to).headers["Location"] == "/"


def test_logout_by_another_site_does_nothing(browser: Browser) -> None:
    anna = browser()
    log_in(anna)

    for sent in ({}, {"csrf_token": "x"}, {"csrf_token": csrf_token("another session")}):
        assert anna.post("/logout", data=sent).status_code == 403
    assert anna.get("/v1/releases").status_code == 200


def test_cookie_does_nothing_but_read(browser: Browser) -> None:
    """Forms and scripts of other sites make a browser send cookies: the API does not believe them for a change."""
    anna = browser()
    log_in(anna)

    assert anna.post("/v1/releases", json={"model": "churn", "job": "j"}).status_code == 401


def test_name_alone_does_not_log_in(browser: Browser) -> None:
    assert browser().post("/login", data={"name": "root"}).status_code == 404


def test_development_login_gives_a_session(settings: Settings) -> None:
    with serving(settings.model_copy(update={"development_login": True})) as served:
        anna = httpx.Client(base_url=served.url, trust_env=False, timeout=60)
        with anna:
            assert "<form" in anna.get("/login").text
            named = {"token": served.development_token, "name": "anna"}
            answer = anna.post("/login", data={**named, "groups": "a, b", "go_to": "/x"})
            assert answer.headers["Location"] == "/x"
            assert anna.get("/v1/tokens").status_code == 200
            evil = anna.post("/login", data=named, headers={"Origin": "https://evil.example"})
            assert evil.status_code == 403
            for origin in ("null", "http://[", "https://127.0.0.1"):
                assert anna.post("/login", data=named, headers={"Origin": origin}).status_code == 403


REBOUND = [
    "evil.example",
    "evil.example:8400",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "[::1",
    "",
    "0.0.0.0",  # noqa: S104 # refused
    "a@b",
]


@pytest.mark.parametrize("host", REBOUND)
def test_nothing_is_answered_under_a_name_that_was_made_to_lead_to_loopback(settings: Settings, host: str) -> None:
    """DNS rebinding: a page of evil.example, whose address is now 127.0.0.1, is at home here for a browser."""
    with_slack = {"development_login": True, "slack_signing_secret": SecretStr("s" * 32)}
    with serving(settings.model_copy(update=with_slack)) as served:
        anna = served.client("anna")
        anna.post("/login", data={"token": served.development_token, "name": "anna"})
        assert anna.get("/").status_code == 200
        routes = served.routes()
        assert {"/", "/login", "/assets/live.js", "/docs", "/openapi.json", "/chat/slack/interactions"} <= {
            path for _, path in routes
        }

        for method, path in [*routes, ("GET", "/nowhere")]:
            answer = anna.request(method, path, headers={"Host": host})

            assert answer.status_code == 401, f"{method} {path}"
            assert method == "HEAD" or answer.json()["code"] == "host_not_loopback", f"{method} {path}"


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8400", "[::1]", "[::1]:8400", "127.3.2.1"])
def test_names_of_this_machine_are_believed(settings: Settings, host: str) -> None:
    with serving(settings.model_copy(update={"development_login": True})) as served:
        assert served.client("anna").get("/v1/releases", headers={"Host": host}).status_code == 200


def test_any_name_leads_here_where_names_of_callers_are_not_believed(browser: Browser) -> None:
    assert browser().get("/health/ready", headers={"Host": "mlrelease.example"}).status_code == 200


@pytest.mark.parametrize(
    "open_door",
    [{"host": "0.0.0.0"}, {"host": "10.0.0.1"}, {"behind_proxy": True}, {"public_url": "https://x.example"}],  # noqa: S104 # refused
)
def test_development_login_does_not_exist_in_the_open(settings: Settings, open_door: dict[str, object]) -> None:
    with pytest.raises(Misconfigured) as refused:
        create_app(settings.model_copy(update={"development_login": True, **open_door}))

    assert refused.value.code == "development_login_in_the_open"


def test_cookies_are_of_this_host_and_encrypted_connections_where_people_reach_it_over_https(
    settings: Settings,
) -> None:
    with serving(settings.model_copy(update={"public_url": "https://mlrelease.example"})) as served:
        begun = httpx.get(f"{served.url}/login", trust_env=False)

    cookie = begun.headers["Set-Cookie"]
    assert cookie.startswith("__Host-mlrelease-login=")
    assert "Secure" in cookie
    assert "https%3A%2F%2Fmlrelease.example%2Flogin%2Fcallback" in begun.headers["Location"]

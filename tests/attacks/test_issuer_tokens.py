"""Tokens of an issuer that are not what they say: each is refused, with why."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from app.errors import Unavailable
from app.identity.issuers import Issuers
from app.settings import Settings
from tests.api.serving import Served, busy_threads, serving
from tests.identity.conftest import As
from tests.identity.issuer import TestIssuer
from tests.waiting import wait_until


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


PATH = "/v1/releases"


def _part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _unsigned(issuer: TestIssuer) -> str:
    return f"{_part({'alg': 'none', 'kid': issuer.key_id})}.{_part(issuer.claims())}."


def _signed_with_the_public_key(issuer: TestIssuer) -> str:
    """HS256, whose secret is what everybody knows: the RSA key as PEM."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': issuer.key_id})}.{_part(issuer.claims())}"
    signature = hmac.new(issuer.public_pem(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _of_another_key(issuer: TestIssuer) -> str:
    forged = generate_private_key(65537, 2048)
    return jwt.encode(issuer.claims(), forged, algorithm="RS256", headers={"kid": issuer.key_id})


def _changed(issuer: TestIssuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{_part(issuer.claims(sub='boris'))}.{signature}"


def _other_algorithm(issuer: TestIssuer) -> str:
    """PS256 with the right key, which was published for RS256."""
    return jwt.encode(issuer.claims(), issuer.keys[issuer.key_id], algorithm="PS256", headers={"kid": issuer.key_id})


def _of_many_issuers(issuer: TestIssuer) -> str:
    payload = json.dumps(issuer.claims(iss=[issuer.url])).encode()
    return jwt.PyJWS().encode(payload, issuer.keys[issuer.key_id], algorithm="RS256", headers={"kid": issuer.key_id})


def _without_key(issuer: TestIssuer) -> str:
    return jwt.encode(issuer.claims(), issuer.keys[issuer.key_id], algorithm="RS256")


FORGED: dict[str, tuple[Callable[[TestIssuer], str], str]] = {
    "none": (_unsigned, "algorithm_refused"),
    "public_key_as_secret": (_signed_with_the_public_key, "algorithm_refused"),
    "other_algorithm": (_other_algorithm, "algorithm_refused"),
    "wrong_key": (_of_another_key, "signature_wrong"),
    "changed": (_changed, "signature_wrong"),
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 60), "token_expired"),
    "without_expiry": (lambda issuer: issuer.token(exp=None), "claim_missing"),
    "not_yet_valid": (lambda issuer: issuer.token(nbf=int(time.time()) + 600), "token_not_yet_valid"),
    "wrong_audience": (lambda issuer: issuer.token(aud="another-service"), "audience_wrong"),
    "without_audience": (lambda issuer: issuer.token(aud=None), "claim_missing"),
    "wrong_issuer": (lambda issuer: issuer.token(iss="https://evil.example"), "issuer_unknown"),
    "issuer_with_a_slash": (lambda issuer: issuer.token(iss=f"{issuer.url}/"), "issuer_unknown"),
    "issuer_that_is_no_text": (_of_many_issuers, "issuer_unknown"),
    "unknown_key": (lambda issuer: issuer.token(headers={"kid": "made-up"}), "key_unknown"),
    "without_key": (_without_key, "key_unknown"),
    "oversized": (lambda issuer: issuer.token(padding="x" * 17_000), "token_too_long"),
    "no_token": (lambda _issuer: "hello", "token_malformed"),
    "three_dots": (lambda _issuer: "...", "token_malformed"),
    "nested": (lambda _issuer: f"{'[' * 5000}.e30.x", "token_malformed"),
    "without_name": (lambda issuer: issuer.token(sub=None), "name_invalid"),
    "name_of_the_service": (lambda issuer: issuer.token(sub="mlrelease"), "name_invalid"),
    "name_with_a_line_break": (lambda issuer: issuer.token(sub="anna\r\nX-Evil: 1"), "name_invalid"),
    "name_in_other_letters": (lambda issuer: issuer.token(sub="аnna"), "name_invalid"),
    "name_with_the_kelvin_sign": (lambda issuer: issuer.token(sub="\u212aim"), "name_invalid"),
    "name_with_a_dotted_capital": (lambda issuer: issuer.token(sub="\u0130da"), "name_invalid"),
    "name_with_a_long_s": (lambda issuer: issuer.token(sub="bori\u017f"), "name_invalid"),
}


@pytest.mark.parametrize("how", FORGED)
def test_forged_token_is_refused(bearer: As, issuer: TestIssuer, how: str) -> None:
    forge, code = FORGED[how]

    answer = bearer(forge(issuer)).get(PATH)

    assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text


def test_good_token_is_let_in(bearer: As, issuer: TestIssuer) -> None:
    assert bearer(issuer.token()).get(PATH).status_code == 200
    assert bearer(issuer.token(aud=["other", "mlrelease"], sub="Anna")).get(PATH).status_code == 200


def test_token_of_a_new_key_is_let_in_and_the_old_one_no_longer(
    bearer: As, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token()
    assert bearer(old).get(PATH).status_code == 200
    issuer.rotate()
    monkeypatch.setattr("app.identity.issuers.LEAST_SECONDS", 0.0)

    assert bearer(issuer.token()).get(PATH).status_code == 200
    refused = bearer(old).get(PATH)

    assert (refused.status_code, refused.json()["code"]) == (401, "key_unknown")


def test_made_up_keys_do_not_make_us_ask_the_issuer_each_time(bearer: As, issuer: TestIssuer) -> None:
    for number in range(20):
        assert bearer(issuer.token(headers={"kid": f"made-up-{number}"})).get(PATH).status_code == 401

    assert issuer.requests.count("/keys") < 5


def test_issuer_that_is_away_is_not_the_callers_fault(bearer: As, issuer: TestIssuer) -> None:
    issuer.is_away = True

    answer = bearer(issuer.token()).get(PATH)

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unreachable")
    assert answer.headers["Retry-After"] == "1"


def test_issuer_that_goes_away_does_not_lock_out_those_whose_keys_are_known(
    bearer: As, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = bearer(issuer.token())
    assert anna.get(PATH).status_code == 200
    issuer.is_away = True
    monkeypatch.setattr("app.identity.issuers.LEAST_SECONDS", 0.0)

    assert anna.get(PATH).status_code == 200


def test_keys_are_not_taken_from_an_issuer_that_publishes_anothers_name(
    issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(issuer), "answer", lambda _self, _path: {"issuer": "https://evil.example", "keys": []})
    assert "another issuer" in _why_not(issuer)


@pytest.mark.parametrize(
    "published",
    [
        {"jwks_uri": "http://198.51.100.7/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": "https://" + "x" * 5000},
        {"jwks_uri": None},
        {"padding": "x" * 300_000},
    ],
    ids=["in the open", "file", "broken", "long", "none", "long answer"],
)
def test_what_an_issuer_publishes_is_not_believed_blindly(
    issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch, published: dict[str, Any]
) -> None:
    whole = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys", **published}
    monkeypatch.setattr(type(issuer), "answer", lambda _self, _path: whole)

    assert "are not available" in _why_not(issuer)


def _why_not(issuer: TestIssuer) -> str:
    async def ask() -> str:
        issuers = Issuers(seconds=5)
        with pytest.raises(Unavailable) as refused:
            await issuers.key(issuer.url, issuer.key_id)
        await issuers.close()
        return refused.value.sentence

    return asyncio.run(ask())


FORGERS = 60


def test_stalled_issuer_holds_up_those_only_whose_key_is_not_known(
    bearer: As, root: httpx.Client, service: Served, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.identity.issuers.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("app.identity.issuers.WAIT_SECONDS", 60.0)
    monkeypatch.setattr(service.service.authentication.issuers, "_seconds", 60.0)
    known = bearer(issuer.token())
    assert known.get(PATH).status_code == 200
    issuer.requests.clear()
    issuer.goes_on.clear()
    with ThreadPoolExecutor(FORGERS) as pool:
        forged = [
            pool.submit(bearer(issuer.token(headers={"kid": f"made-up-{number}"})).get, PATH)
            for number in range(FORGERS)
        ]
        wait_until(lambda: len(service.connections()) >= FORGERS, what="all have come")

        for _ in range(20):
            assert known.get(PATH).status_code == 200
            assert root.get(PATH).status_code == 200
            assert known.get("/health/ready").status_code == 200

        assert not any(each.done() for each in forged)
        assert service.inside(busy_threads) == 0
        assert len(issuer.requests) == 1, "one fetch at a time"
        issuer.goes_on.set()
        assert {each.result().json()["code"] for each in forged} == {"key_unknown"}


def test_stalled_issuer_is_waited_for_a_moment_only(
    bearer: As, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.identity.issuers.WAIT_SECONDS", 0.1)
    issuer.goes_on.clear()

    answer = bearer(issuer.token()).get(PATH)

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unreachable")
    assert answer.headers["Retry-After"] == "1"
    assert "not responded yet" in answer.json()["detail"]


def test_issuer_that_sends_a_letter_now_and_then_has_a_deadline_in_total_and_is_not_asked_again_at_once(
    bearer: As, service: Served, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.service.authentication.issuers, "_seconds", 0.3)
    monkeypatch.setattr("app.identity.issuers.LEAST_SECONDS", 60.0)
    issuer.goes_on.clear()

    for _ in range(3):
        assert "no response within 0.3 s" in bearer(issuer.token()).get(PATH).json()["detail"]

    assert len(issuer.requests) == 1


@pytest.mark.parametrize(
    "how", ["expired", "wrong_audience", "wrong_issuer", "not_yet_valid", "without_expiry", "none"]
)
def test_no_key_is_fetched_for_a_token_that_is_refused_anyhow(bearer: As, issuer: TestIssuer, how: str) -> None:
    forge, code = FORGED[how]

    answer = bearer(forge(issuer)).get(PATH)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert issuer.requests == []


def test_keys_are_renewed_while_nobody_waits(
    settings: Settings, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that its issuer took back is forgotten though only those who have tokens of it come."""
    monkeypatch.setattr("app.identity.issuers.RENEW_SECONDS", 0.05)
    monkeypatch.setattr("app.identity.issuers.LEAST_SECONDS", 0.0)
    with serving(settings) as served:
        old = {"Authorization": f"Bearer {issuer.token()}"}
        assert httpx.get(served.url + PATH, headers=old, trust_env=False).status_code == 200
        issuer.rotate()

        wait_until(
            lambda: httpx.get(served.url + PATH, headers=old, trust_env=False).status_code == 401,
            what="the old key is forgotten",
        )


def test_claims_give_what_the_rules_say_and_no_more(bearer: As, issuer: TestIssuer, churn: str) -> None:
    right: dict[str, Any] = {"sub": "ci", "repository": "team/churn", "ref": "refs/heads/main"}
    ask = {"model": churn, "job": "job-1"}

    def asked(**claims: str) -> httpx.Response:
        return bearer(issuer.token(**{**right, **claims})).post("/v1/releases", json=ask)

    assert asked().status_code == 201
    assert asked(ref="refs/heads/evil").status_code == 403
    assert asked(repository="evil/churn").status_code == 403
    assert asked(repository="team/churn ").status_code == 403

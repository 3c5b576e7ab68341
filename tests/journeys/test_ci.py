"""A CI job that has nothing but HTTP: asks once, follows with ETag and wait, ends with the release."""

import time

import httpx

from tests.journeys.team import Team


def test_ci_asks_once_and_follows_the_release_to_its_end(team: Team, trained: str) -> None:
    http, began = team.service.http, time.monotonic()
    body = {"model": team.name, "job": trained, "stages": ["dev"], "note": "build 42"}
    key = {"Idempotency-Key": f"{team.name}-build-42", "Mlrelease-Actor": "ci"}

    first = http.post("/v1/releases", json=body, headers=key)
    again = http.post("/v1/releases", json=body, headers=key)
    other = http.post("/v1/releases", json={**body, "note": "build 43"}, headers=key)

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    address, etag, seen = first.headers["Location"], "", list[str]()
    while not seen or seen[-1] not in {"succeeded", "failed"}:
        answer = http.get(address, params={"wait": 20}, headers={"If-None-Match": etag})
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            assert answer.content == b""
            continue
        assert answer.headers["ETag"] != etag, "an answer is news"
        etag = answer.headers["ETag"]
        seen.append(answer.json()["status"])
        assert time.monotonic() < began + 180, seen
    assert seen[-1] == "succeeded", answer.json()["sentence"]

    asked = time.monotonic()
    unchanged = http.get(address, params={"wait": 0.5}, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.headers["ETag"]) == (304, etag)
    assert time.monotonic() - asked >= 0.5, "it waited for a change"

    events = team.service.events(first.json()["id"])
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert events[0]["kind"] == "release.created"
    assert events[0]["actor"] == "ci"
    assert events[-1]["kind"] == "release.succeeded"
    assert str(events[-1]["seq"]) == etag.strip('"')

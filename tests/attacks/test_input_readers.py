"""Archives, YAML, JSON and code that were made to break or to stall whoever reads them: refused, and nobody waits for long."""

import gzip
import io
import json
import struct
import tarfile
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import on_sqlite
from tests.api.playing import definition, upload
from tests.bundles.tars import tar_of
from tests.identity.conftest import As

PATIENT_SECONDS = 60.0  # more than any limit of a child
GZIP = {"content-type": "application/gzip"}

RELEASE = b"""model: {name: churn}
checks: {golden: golden.json}
stages:
  - {name: dev, workspace: ws-dev, resource_group: rg-ml, endpoint: churn-dev}
"""
FILES = {
    "release.yml": RELEASE,
    "endpoint.yml": b"auth_mode: key\n",
    "deployment.yml": b"code_configuration: {code: ./src, scoring_script: score.py}\ninstance_type: Standard_E2s_v3\n",
    "golden.json": b'[{"request": {"data": []}, "expect": {}}]',
    "src/score.py": b"def init(): ...\ndef run(data): ...\n",
}


def _stalling_header() -> bytes:
    """An extended header of digits alone: the tar reader of old patch releases takes for ever over it (CVE-2024-6232)."""
    member = tarfile.TarInfo("a")
    member.type, member.size = tarfile.XHDTYPE, 4 * 1024**2
    return gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + b"1" * member.size)


def _nested_names(count: int) -> bytes:
    """A header of a long name that is followed by a header of a long name…"""
    buffer = io.BytesIO()
    for _ in range(count):
        member = tarfile.TarInfo("././@LongLink")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2
        buffer.write(member.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0"))
    return gzip.compress(buffer.getvalue())


def _with(**replaced: bytes) -> bytes:
    names = {"release": "release.yml", "deployment": "deployment.yml", "golden": "golden.json", "score": "src/score.py"}
    files = FILES | {names[key]: content for key, content in replaced.items()}
    return tar_of(*files.items())


ARCHIVES = {
    "tar reader stalls": _stalling_header(),
    "nested long names": _nested_names(3000),
    "cut off": tar_of(("a", b"x" * 4096))[:-200],
    "gzip of nothing": gzip.compress(b""),
    "zeroes": gzip.compress(b"\0" * (200 * 1024**2)),
    "negative size": gzip.compress(struct.pack("100s24s12s376s", b"a", b"", b"-0000000001\0", b"")),
}
DEFINITIONS = {
    "hex number": _with(deployment=FILES["deployment.yml"] + b"instance_count: 0x" + b"f" * 9000 + b"\n"),
    "decimal number": _with(deployment=FILES["deployment.yml"] + b"instance_count: " + b"9" * 9000 + b"\n"),
    "sexagesimal": _with(deployment=FILES["deployment.yml"] + b"instance_count: 1" + b":59" * 9000 + b".9\n"),
    "infinite": _with(deployment=FILES["deployment.yml"] + b"request_settings: {request_timeout_ms: 1e9999}\n"),
    "minus signs": _with(release=b"- " * 90_000),
    "brackets": _with(release=b"[" * 90_000),
    "braces": _with(release=b"{a: " * 40_000),
    "questions": _with(release=b"? " * 90_000),
    "aliases": _with(
        release=b"a: &a [x, x, x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (ord("b") + n, ord("b") + n, b", ".join([b"*%c" % (ord("a") + n)] * 9))
            for n in range(20)
        )
    ),
    "alias of itself": _with(release=b"a: &a [*a]\n"),
    "one long key": _with(release=b"a" * 200_000 + b": b\n"),
    "many keys": _with(release=b"".join(b"k%d: 1\n" % number for number in range(9000))),
    "tag": _with(release=b"!!python/object/apply:os.system [ls]\n"),
    "code of 21 MB": _with(score=b"x = [" + b"1," * 10_500_000 + b"]\ndef init(): ...\ndef run(d): ...\n"),
    "code nested": _with(score=b"x = " + b"(" * 5_000 + b")" * 5_000),
    "code of signs": _with(score=b"x = " + b"-" * 400_000 + b"1"),
    "golden nested": _with(golden=b"[" * 400_000),
    "golden of numbers": _with(golden=b"[" + b"1," * 3_000_000 + b"1]"),
    "golden of keys": _with(golden=json.dumps([{f"requesd{number}": 1 for number in range(100_000)}]).encode()),
    "golden number": _with(golden=b"[" + b"9" * 1_000_000 + b"]"),
}


@pytest.fixture
def caller(holder: As) -> httpx.Client:
    client = holder("admin")
    client.timeout = httpx.Timeout(PATIENT_SECONDS)
    return client


def refused(answer: httpx.Response, name: str = "") -> dict[str, Any]:
    assert 400 <= answer.status_code < 500, (name, answer.text[:500])
    assert len(answer.content) < 200_000, name
    problem: dict[str, Any] = answer.json()
    assert problem["detail"]
    return problem


@on_sqlite
def test_hostile_archives_are_refused_while_others_are_served(bearer: As, caller: httpx.Client) -> None:
    others = bearer()
    for name, archive in ARCHIVES.items():
        slowest = 0.0
        answers: list[httpx.Response] = []

        def send(content: bytes = archive, answers: list[httpx.Response] = answers) -> None:
            answers.append(caller.post("/v1/bundles", content=content, headers=GZIP))

        sender = threading.Thread(target=send)
        sender.start()
        while sender.is_alive():
            begun = time.monotonic()
            assert others.get("/health/live").is_success
            slowest = max(slowest, time.monotonic() - begun)
            sender.join(0.1)

        problem = refused(answers[0])
        assert slowest < 10, (name, slowest)
        assert problem["code"].startswith("bundle_"), (name, problem)


@on_sqlite
def test_hostile_definitions_are_refused(caller: httpx.Client) -> None:
    for name, archive in DEFINITIONS.items():
        sent = caller.post("/v1/bundles", content=archive, headers=GZIP)
        if sent.is_success:
            sent = caller.post("/v1/models", json={"bundle": sent.json()["digest"]})

        refused(sent, name)
    assert caller.get("/v1/models").json()["items"] == []


@on_sqlite
def test_a_job_of_hostile_yaml_is_refused(caller: httpx.Client) -> None:
    assert caller.post("/v1/models", json={"bundle": upload(caller, definition())}).is_success
    for content in (b"- " * 90_000, b"code: &a [*a]\n", b"\xff\xfe", b""):
        bundle = upload(caller, tar_of(("job.yml", content), ("other.yml", b"type: command\n")))

        refused(caller.post("/v1/jobs", json={"model": "churn", "bundle": bundle, "entry": "job.yml"}))


@on_sqlite
def test_a_body_of_unknown_keys_gets_a_short_answer(caller: httpx.Client) -> None:
    answer = caller.post("/v1/jobs", json={f"k{number}": 1 for number in range(60_000)})

    problem = refused(answer)
    assert len(problem["mistakes"]) == 100
    assert problem["mistakes_left_out"] >= 59_900
    assert len(answer.content) < 50_000


TEXT = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([b"- ", b"a: ", b"[", b"{", b"&a ", b"*a ", b"!!", b"? ", b"\n", b"  ", b"'", b'"', b"|\n", b"0x", b"1:2", b"~", b"<<: "]), max_size=60).map(b"".join),
)  # fmt: skip


@on_sqlite
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_made_up_files_never_break_the_service(caller: httpx.Client, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    archive = tar_of(*(FILES | {name: data.draw(TEXT)}).items())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(archive) - 1))
        archive = archive[:place] + data.draw(st.binary(max_size=20)) + archive[place + 1 :]

    sent = caller.post("/v1/bundles", content=archive, headers=GZIP)
    assert sent.status_code < 500
    if sent.is_success:
        assert caller.post("/v1/models", json={"bundle": sent.json()["digest"]}).status_code < 500


BODIES = {
    "deep lists": b"[" * 300_000,
    "deep objects": b'{"a":' * 150_000,
    "deep where text is wanted": b'{"model":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "long number": b'{"model": ' + b"9" * 100_000 + b"}",
    "not a number": b'{"model": NaN, "name": Infinity}',
    "half of a surrogate pair": b'{"model": "\\ud800", "name": "\\udfff", "note": "\\ud800"}',
    "half of a surrogate pair as a key": b'{"\\ud800": 1}',
    "NUL": b'{"model": "a\\u0000b", "name": "a"}',
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "many environments": json.dumps(
        {"model": "m", "bundle": "b", "entry": "e", "environments": ["x"] * 90_000}
    ).encode(),
    "a million characters": json.dumps({"model": "m" * 1_000_000}).encode(),
}


@on_sqlite
def test_hostile_bodies_are_refused(caller: httpx.Client) -> None:
    for route in ("/v1/jobs", "/v1/models", "/v1/releases"):
        for name, body in BODIES.items():
            refused(caller.post(route, content=body, headers={"content-type": "application/json"}), f"{name}: {route}")

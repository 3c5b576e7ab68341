"""Whatever somebody sends to a scoring address, everybody else gets exactly the answer to what they sent themselves."""

import contextlib
import itertools
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.waiting import wait_until

from .rest import Rest

SCRIPT = """
import json, sys

import flask
from azureml_inference_server_http.api.aml_response import AMLResponse

def init(): pass

def run(raw):
    body = json.loads(raw)
    match body.get("do"):
        case "exit": sys.exit(0)
        case "print":
            print("HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n!", flush=True)
            sys.__stdout__.write("ready\\n")
        case "object": return object()
        case "circle":
            body["me"] = body
        case "status": return AMLResponse("odd", body["status"])
        case "header": return AMLResponse("odd", 200, response_headers={"x-odd": body["value"]})
        case "spoof":
            spoofed = {"ms-azureml-model-error-statuscode": "none", "azureml-model-deployment": "green", "x-mine": "1"}
            return AMLResponse("mine", 200, response_headers=spoofed)
        case "endless": return flask.Response(b"x" * 1_000_000 for _ in iter(int, 1))
        case "length": return AMLResponse("12345", 200, response_headers={"Content-Length": "2"})
        case "raise": raise KeyError("no")
    return {"number": body.get("number")}
"""

_counter = itertools.count()


@pytest.fixture(scope="module")
def target(furnished: Rest) -> Iterator[tuple[Rest, str, str]]:
    """A client, an endpoint that answers with the number it is sent, and its key."""
    name = "ep-isolated"
    furnished.register_code("isolated", SCRIPT)
    furnished.create_endpoint(name)
    furnished.deploy(
        name,
        "blue",
        code="isolated",
        requestSettings={"maxConcurrentRequestsPerInstance": 100, "requestTimeout": "PT30S"},
    )
    furnished.set_traffic(name, {"blue": 100})
    yield furnished, name, furnished.key(name)
    furnished.finish(furnished.arm("DELETE", f"onlineEndpoints/{name}"))


INNER = b'POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"number": 666}'
bodies = st.sampled_from(
    [b"", INNER, INNER + INNER, b'{"number": 5}', b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n" + INNER, b"x" * 300_000]
) | st.sampled_from(
    [
        b'{"do": "print"}', b'{"do": "object"}', b'{"do": "circle"}', b'{"do": "raise"}', b'{"do": "length"}',
        b'{"do": "status", "status": 100}', b'{"do": "status", "status": 204}', b'{"do": "status", "status": 304}',
        b'{"do": "status", "status": 0}', b'{"do": "header", "value": "a\\r\\nContent-Length: 0\\r\\n\\r\\nHTTP/1.1 200 OK"}',
        b'{"do": "header", "value": "\\u20ac"}',
    ]
)  # fmt: skip
paths = st.sampled_from(
    ["score", "", "swagger.json", "score/", "nothing", "/score", "score?a=1", "score%0d%0aX: 1%0d%0a%0d%0a", "%20HTTP/1.1%0d%0a", "../score"]
)  # fmt: skip
framings = st.sampled_from(["length", "chunked", "chunked with trailer", "short", "expect", "none", "both"])
oddities = st.sampled_from(["", "Connection: content-length, x-a\r\n", f"x-big: {'b' * 30_000}\r\n", f"x-huge: {'b' * 90_000}\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"])  # fmt: skip


@st.composite
def hostile_requests(draw: st.DrawFn) -> bytes:
    """The bytes of one request, perhaps of more, to be completed with address and key."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]))
    body, framing = draw(bodies), draw(framings)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
    head, payload = {
        "length": (f"Content-Length: {len(body)}\r\n", body),
        "chunked": ("Transfer-Encoding: chunked\r\n", chunked + b"0\r\n\r\n"),
        "chunked with trailer": ("Transfer-Encoding: chunked\r\n", chunked + b"0\r\nContent-Length: 9\r\n\r\n"),
        "short": (f"Content-Length: {len(body) + 50}\r\n", body),
        "expect": (f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n", body),
        "none": ("", body),
        "both": (f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n", chunked + b"0\r\n\r\n"),
    }[framing]
    line = f"{method} ENDPOINT/{draw(paths)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
    return (line + head + draw(oddities) + "\r\n").encode() + payload


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(hostile=st.lists(hostile_requests(), min_size=4, max_size=12))
def test_innocent_callers_get_their_own_answers(target: tuple[Rest, str, str], hostile: list[bytes]) -> None:
    rest, name, key = target

    with ThreadPoolExecutor(6) as pool:
        attacks = [pool.submit(send_raw, rest, name, key, each) for each in hostile]
        innocent = [pool.submit(asked, rest, name, key, count=4) for _ in range(4)]
        for each in attacks:
            each.result()
        pairs = [pair for each in innocent for pair in each.result()]

    assert [answer for _, answer in pairs] == [(200, {"number": number}) for number, _ in pairs]


def test_body_of_a_probe_is_not_the_next_request(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        for path in ("", "score", "swagger.json"):
            answer = rest.http.request(
                method, f"/inference/eastus/{name}/{path}", content=INNER, headers={"Authorization": f"Bearer {key}"}
            )
            # Refused or answered by the model's own server: nothing "went away".
            assert answer.headers.get("ms-azureml-model-error-statuscode") != "502", (method, path, answer.text)
            [(number, found)] = asked(rest, name, key, count=1)
            assert found == (200, {"number": number})


def test_unserialisable_result_is_the_models_error(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target

    answer = rest.score(name, {"do": "object"}, key=key)

    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert "not JSON serializable" in rest.logs(name, "blue")


def test_gateways_words_are_its_own(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target

    answer = rest.score(name, {"do": "spoof"}, key=key)

    assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (200, "mine", "1")
    assert answer.headers.get_list("azureml-model-deployment") == ["blue"]
    assert "ms-azureml-model-error-statuscode" not in answer.headers


def test_answer_without_an_end_is_cut_off(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target

    answer = rest.score(name, {"do": "endless"}, key=key)

    assert answer.status_code in (408, 424)
    [(number, found)] = asked(rest, name, key, count=1)
    assert found == (200, {"number": number})


def test_caller_that_hangs_up_breaks_nothing(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target
    before = rest.running.log.count("Traceback")

    for path in ("score", "nothing"):
        head = f"POST ENDPOINT/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\nContent-Length: 50\r\n\r\n"
        send_raw(rest, name, key, head.encode() + b"half")

    assert asked(rest, name, key, count=1)[0][1][0] == 200
    assert rest.running.log.count("Traceback") == before


def test_sys_exit_in_run_ends_the_container_as_in_azure(target: tuple[Rest, str, str]) -> None:
    rest, name, key = target

    answer = rest.score(name, {"do": "exit"}, key=key)

    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "502")
    assert "SystemExit" in rest.logs(name, "blue")
    wait_until(lambda: rest.score(name, {"number": 1}, key=key).status_code == 200, what="the container")


def asked(rest: Rest, name: str, key: str, *, count: int) -> list[tuple[int, tuple[int, object]]]:
    """Numbers that nobody else sends, each with the answer to it, over one connection."""
    pairs: list[tuple[int, tuple[int, object]]] = []
    with httpx.Client(base_url=rest.running.base_url, verify=trust(rest), timeout=60) as client:
        for number in itertools.islice(_counter, count):
            answer = client.post(
                f"/inference/eastus/{name}/score", json={"number": number}, headers={"Authorization": f"Bearer {key}"}
            )
            pairs.append((number, (answer.status_code, answer.json() if answer.status_code == 200 else answer.text)))
    return pairs


def send_raw(rest: Rest, name: str, key: str, request: bytes) -> None:
    """Send bytes as they are, look at the first of the answer, and hang up."""
    complete = request.replace(b"ENDPOINT", f"/inference/eastus/{name}".encode()).replace(b"KEY", key.encode())
    host, port = rest.running.base_url.removeprefix("https://").split(":")
    # A server may hang up on such requests, at any moment.
    with (
        contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError),
        socket.create_connection((host, int(port)), timeout=0.3) as plain,
        trust(rest).wrap_socket(plain, server_hostname=host) as tls,
    ):
        tls.sendall(complete)
        tls.recv(65_536)


def trust(rest: Rest) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=rest.running.environment["REQUESTS_CA_BUNDLE"])

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from emulator.online.replica import HOST

Host = Callable[..., tuple[httpx.Client, "subprocess.Popen[bytes]"]]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Start the scoring host with a script; a client for it and the process."""
    with contextlib.ExitStack() as cleanup:
        # Short: the address of a unix socket may have about a hundred characters only.
        sockets = Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="aml-test-", ignore_cleanup_errors=True))
        )

        def start(script: str, **variables: str) -> tuple[httpx.Client, "subprocess.Popen[bytes]"]:
            (tmp_path / "score.py").write_text(script)
            environment = {
                "PATH": os.environ["PATH"],
                "AML_APP_ROOT": str(tmp_path),
                "AZUREML_ENTRY_SCRIPT": "score.py",
                **variables,
            }
            log = cleanup.enter_context((tmp_path / "log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, str(HOST), str(sockets / "s")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=tmp_path,
                start_new_session=True,
            )
            cleanup.callback(end, process)
            client = httpx.Client(transport=httpx.HTTPTransport(uds=str(sockets / "s")), base_url="http://host")
            cleanup.callback(client.close)
            assert process.stdout is not None
            announced = process.stdout.readline()
            assert announced in (b"ready\n", b"")
            return client, process

        yield start


def end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def test_plain_result_is_json(host: Host) -> None:
    client, _ = host("def init(): pass\ndef run(raw): return {'got': raw}")

    answer = client.post("/score", content='{"a": 1}')

    assert (answer.status_code, answer.json()) == (200, {"got": '{"a": 1}'})
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0


def test_probe_is_answered_while_run_is_busy(host: Host) -> None:
    client, _ = host("import time\ndef init(): pass\ndef run(raw): time.sleep(3)")
    with contextlib.suppress(httpx.ReadTimeout):
        client.post("/score", content="{}", timeout=0.1)

    assert client.get("/", timeout=1).text == "Healthy"


def test_aml_response_sets_status_and_headers(host: Host) -> None:
    client, _ = host(
        "from azureml_inference_server_http.api.aml_response import AMLResponse\n"
        "def init(): pass\n"
        "def run(raw): return AMLResponse('no', 418, response_headers={'x-mine': '1'})"
    )

    answer = client.post("/score", content="{}")

    assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (418, "no", "1")


def test_rawhttp_gets_the_request(host: Host) -> None:
    client, _ = host(
        "from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp\n"
        "def init(): pass\n"
        "@rawhttp\n"
        "def run(request): return [request.method, len(request.get_data()), request.headers['x-mine']]"
    )

    answer = client.post("/score", content=b"\xff\x00", headers={"x-mine": "1"})

    assert answer.json() == ["POST", 2, "1"]


def test_request_and_response_are_flasks_own_under_the_older_name_too(host: Host) -> None:
    client, _ = host(
        "from azureml.contrib.services.aml_request import AMLRequest, rawhttp\n"
        "from azureml.contrib.services.aml_response import AMLResponse\n"
        "import flask\n"
        "def init(): pass\n"
        "@rawhttp\n"
        "def run(request):\n"
        "    facts = [request.form['a'], request.files['f'].read().decode(), request.mimetype, request.is_json]\n"
        "    made = AMLResponse([*facts, request.full_path], 200, json_str=True)\n"
        "    assert isinstance(made, flask.Response) and made.mimetype == 'application/json'\n"
        "    return made"
    )

    answer = client.post("/score?x=1", data={"a": "1"}, files={"f": b"content"})

    assert answer.json() == ["1", "content", "multipart/form-data", False, "/score?x=1"]


def test_one_connection_gets_an_answer_to_each_of_its_requests(host: Host) -> None:
    client, _ = host("import json\ndef init(): pass\ndef run(raw): return sum(json.loads(raw))")
    smuggled = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[666,666]"

    for method, path in [
        ("GET", "/"),
        ("GET", "/swagger.json"),
        ("PUT", "/score"),
        ("DELETE", "/"),
        ("HEAD", "/nothing"),
    ]:
        client.request(method, path, content=smuggled)
        assert client.post("/score", content="[1, 2]").json() == 3


def test_body_that_is_not_text_is_400(host: Host) -> None:
    client, _ = host("def init(): pass\ndef run(raw): return raw")

    answer = client.post("/score", content=b"\xff\xfe")

    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["message"]


def test_run_that_wants_headers_gets_them(host: Host) -> None:
    # Flask writes their names so.
    client, _ = host("def init(): pass\ndef run(raw, request_headers): return request_headers['X-Mine']")

    assert client.post("/score", content="{}", headers={"x-mine": "1"}).json() == "1"


def test_get_parameters_are_given_as_json(host: Host) -> None:
    client, _ = host("import json\ndef init(): pass\ndef run(raw): return json.loads(raw)")

    assert client.get("/score?a=1&b=x&b=2").json() == {"a": 1, "b": ["x", 2]}


def test_output_that_is_not_json_is_500_with_the_reason_in_the_log(host: Host, tmp_path: Path) -> None:
    client, _ = host("def init(): pass\ndef run(raw): return object()")

    assert client.post("/score", content="{}").status_code == 500
    assert "not JSON serializable" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def init(): raise ValueError('no model')\ndef run(raw): pass", "ValueError: no model"),
        ("import no_such_module\ndef init(): pass\ndef run(raw): pass", "No module named 'no_such_module'"),
        ("def init(:", "SyntaxError"),
        ("def init(): pass", "does not have a run() function"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_script_that_does_not_start_exits_with_the_reason_in_the_log(
    host: Host, tmp_path: Path, script: str, reason: str
) -> None:
    _, process = host(script)

    assert process.wait(10) == 3
    assert reason in (tmp_path / "log").read_text()


def test_prints_go_to_the_log(host: Host, tmp_path: Path) -> None:
    host("def init(): print('from init', flush=True)\ndef run(raw): pass")

    assert "from init" in (tmp_path / "log").read_text()


def test_closed_standard_input_ends_it_and_what_it_started(host: Host, tmp_path: Path) -> None:
    held = tmp_path / "held"
    child = f"import fcntl, time; f = open({str(held)!r}, 'w'); fcntl.flock(f, 2); print('held', flush=True); time.sleep(600)"
    client, process = host(
        "import subprocess, sys\n"
        "def init():\n"
        "    global child\n"
        f"    child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "    child.stdout.readline()\n"
        "def run(raw): return 'running'"
    )
    assert client.post("/score", content="{}").json() == "running"
    assert not is_free(held)
    assert process.stdin is not None

    process.stdin.close()

    process.wait(10)
    deadline = time.monotonic() + 10
    while not is_free(held):
        assert time.monotonic() < deadline, "the child outlived the host"
        time.sleep(0.02)


def is_free(file: Path) -> bool:
    """Whether nobody holds the lock on a file: a process holds its locks exactly as long as it lives."""
    with file.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True

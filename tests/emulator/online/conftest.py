"""A running emulator with a model, environments and score scripts to deploy."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.emulator.running import RunningEmulator

from .rest import Rest

SCRIPTS = {
    "echo": """
import json, os, pathlib
from azureml_inference_server_http.api.aml_response import AMLResponse

def init():
    global word
    word = (pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "words" / "word.txt").read_text()
    print("the word is", word)

def run(raw):
    body = json.loads(raw)
    if body == "die":
        os._exit(9)
    if "refuse" in body:
        return AMLResponse({"error": body["refuse"]}, 400, json_str=True)
    return {"word": word, "pid": os.getpid(), "variables": sorted(os.environ), "mine": os.environ.get("MINE")}
""",
    "other": "import os\ndef init(): pass\ndef run(raw): return {'word': 'other', 'pid': os.getpid()}",
    "slow": "import time\ndef init(): pass\ndef run(raw):\n    time.sleep(float(raw))\n    return raw",
    "failing": "def init():\n    raise ValueError('there is no such model')\ndef run(raw): pass",
    "endless": "import time\ndef init():\n    print('starting', flush=True)\n    time.sleep(600)\ndef run(raw): pass",
}


def furnish(rest: Rest) -> None:
    for name, script in SCRIPTS.items():
        rest.register_code(name, script)
    rest.register_model("words", {"word.txt": "hello"})
    rest.register_environment("online-plain", ["httpx"])
    rest.register_environment("online-lacking", ["no-such-package-anywhere==1.0"])


@pytest.fixture(scope="package")
def furnished(shared_emulator: RunningEmulator) -> Rest:
    rest = Rest(shared_emulator)
    furnish(rest)
    return rest


@pytest.fixture
def rest(furnished: Rest) -> Iterator[Rest]:
    """The emulator without delays or faults."""
    yield furnished
    furnished.running.heal()


_numbers = itertools.count()


@pytest.fixture
def endpoint(rest: Rest) -> Iterator[str]:
    """An empty endpoint, gone afterwards."""
    name = f"ep-{next(_numbers)}"
    rest.create_endpoint(name)
    yield name
    rest.running.heal()
    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{name}"))


@pytest.fixture
def endpoint_name(rest: Rest) -> Iterator[Callable[[], str]]:
    """Fresh names; the endpoints that got them are deleted afterwards."""
    given: list[str] = []

    def fresh() -> str:
        given.append(f"fresh-{next(_numbers)}")
        return given[-1]

    yield fresh
    for name in given:
        for workspace in ("ws-dev", "ws-prod"):
            answer = rest.arm("DELETE", f"onlineEndpoints/{name}", workspace=workspace)
            if answer.status_code == 202:
                rest.finish(answer)

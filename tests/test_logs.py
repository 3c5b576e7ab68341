"""For machines, every line of a process is a JSON document, whoever wrote it."""

import json
import subprocess
import sys

PROGRAM = """
import logging, threading, warnings
from app.logs import log_all_output, set_up_logs

library = logging.getLogger("library")
library.propagate = False
library.addHandler(logging.StreamHandler())
set_up_logs("json")
log_all_output("json")
print("Downloading artifact", end="")
print(" azureml://models", end="\\n\\n")
print("10%\\r20%\\rdone")
print("x" * 20_000)
warnings.warn("experimental")
library.warning("It prints by itself.")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise KeyError("last")
"""


def test_prints_warnings_and_exceptions_are_lines_too() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    printed = [each["event"] for each in lines if each["logger"] == "printed"]
    assert printed[:4] == ["Downloading artifact azureml://models", "10%", "20%", "done"]
    assert printed.pop() == "It prints by itself."
    assert "".join(printed[4:]).strip("x") == ""
    assert all(len(each) <= 8_192 for each in printed)
    assert [each["logger"] for each in lines if "experimental" in each["event"]] == ["py.warnings"]
    uncaught = [each["exception"].splitlines()[-1] for each in lines if each["event"] == "uncaught"]
    assert uncaught == ["ZeroDivisionError: division by zero", "KeyError: 'last'"]

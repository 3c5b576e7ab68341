"""What people install: the client, and nothing of the service."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "client"


def test_wheel_is_typed_and_needs_httpx_and_pydantic_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        needs = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"mlrelease_client"}
    assert "mlrelease_client/py.typed" in names
    assert {need.partition(">")[0] for need in needs} == {"httpx", "pydantic"}

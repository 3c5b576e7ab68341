"""The bill of materials of a lock file: name, version, hashes and licence of each package, as CycloneDX.

The lock has versions and hashes, the installed packages say their licences: CycloneDX's own tool reads both, and they are joined here.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import LicenseExpression, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What may be passed on inside an image, whatever it is used for. MPL and LGPL ask that changed files stay open: nothing is changed here.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LGPL-3.0-only",  # psycopg
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
        # Classifiers, of packages that say no more.
        "License :: OSI Approved :: Apache Software License",
        "License :: OSI Approved :: BSD License",
        "License :: OSI Approved :: MIT License",
        "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
    }
)
_SPDX = get_spdx_licensing()


class Unlicensed(Exception):
    """Packages whose licence is none of ALLOWED, or not known."""


def build_sbom(lock: Path, *, project: Path) -> dict[str, Any]:
    """What this machine would install from the lock. Raises Unlicensed."""
    sbom = _cyclonedx("requirements", str(lock), "--pyproject", str(project))
    installed = {
        canonicalize_name(each["name"]): each for each in _cyclonedx("environment", sys.executable)["components"]
    }
    components, faults = [], []
    for component in sbom["components"]:
        if not _applies(component):
            continue
        found = installed.get(canonicalize_name(component["name"]))
        if found is None or found["version"] != component["version"]:
            faults.append(f"{component['name']} {component['version']} is not installed here: run `make install`")
            continue
        joined = {key: value for key, value in component.items() if key != "description"}  # the line of the lock
        joined["licenses"] = found.get("licenses", [])
        components.append(joined)
        faults += [f"{component['name']}: {each}" for each in refused(licences_of(joined))]
    if faults:
        raise Unlicensed("Not under a licence that may be passed on (supply_chain/sbom.py): " + "; ".join(faults) + ".")
    references = {each["bom-ref"] for each in components} | {sbom["metadata"]["component"]["bom-ref"]}
    graph = [each for each in sbom.get("dependencies", []) if each["ref"] in references]
    return {**sbom, "components": components, "dependencies": graph}


def require_valid(sbom: dict[str, Any]) -> None:
    """Raises ValueError for what is not CycloneDX by its own schema."""
    validator = JsonStrictValidator(SchemaVersion.from_version(sbom["specVersion"]))
    if (wrong := validator.validate_str(json.dumps(sbom))) is not None:
        raise ValueError(f"The bill of materials is not CycloneDX: {wrong}")


def licences_of(component: dict[str, Any]) -> list[str]:
    """SPDX expressions, or classifiers."""
    return [
        each.get("expression") or each["license"].get("id") or each["license"]["name"]
        for each in component.get("licenses", [])
    ]


def refused(licences: list[str]) -> list[str]:
    """Those that are not allowed; none at all is not either."""
    return [each for each in licences if not _is_allowed(each)] if licences else ["no licence is known"]


def _is_allowed(licence: str) -> bool:
    if licence in ALLOWED:
        return True
    try:
        return _holds(_SPDX.parse(licence, validate=True))
    except Exception as unknown:  # the parser has a tree of its own for each way to be wrong
        if type(unknown).__module__.startswith(("license_expression", "boolean")):
            return False
        raise


def _holds(expression: LicenseExpression | None) -> bool:
    """Of an OR one is enough, of an AND each is needed."""
    if expression is None:
        return False
    match type(expression).__name__:
        case "OR":
            return any(_holds(each) for each in expression.args)
        case "AND":
            return all(_holds(each) for each in expression.args)
        case _:
            return str(expression) in ALLOWED


def _applies(component: dict[str, Any]) -> bool:
    """The lock is for every system: what it has for others is left out."""
    line = component.get("description", "").removeprefix("requirements line ").partition(": ")[2]
    marker = Requirement(line.partition(" --hash")[0].strip().rstrip("\\")).marker
    return marker is None or marker.evaluate()


def _cyclonedx(*arguments: str) -> dict[str, Any]:
    """What the tool writes. It is checked when it is joined: that takes longer than all else."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "sbom.json")
        command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", *arguments]
        command += ["--no-validate", "--output-reproducible", "--output-format", "JSON", "--output-file", str(written)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # our own arguments
        if ended.returncode != 0:
            raise RuntimeError(f"CycloneDX's tool failed: {ended.stderr}")
        sbom: dict[str, Any] = json.loads(written.read_text())
        return sbom

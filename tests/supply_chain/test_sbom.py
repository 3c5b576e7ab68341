"""What the image is made of: every locked package, with its hashes and a licence that may be passed on."""

import re
from typing import Any

import pytest

import supply_chain.sbom
from supply_chain.sbom import Unlicensed, build_sbom, refused, require_valid
from tests.image.dockerfile import ROOT

LOCK = ROOT / "requirements.lock"


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    return build_sbom(LOCK, project=ROOT / "pyproject.toml")


def test_every_package_of_the_image_is_in_it(sbom: dict[str, Any]) -> None:
    locked = re.findall(r"^([\w.-]+)==([^ ;\\\n]+)( ;[^\\\n]*)?", LOCK.read_text(), re.M)
    always = {(name, version) for name, version, marker in locked if not marker}

    assert always <= {(each["name"], each["version"]) for each in sbom["components"]} <= {each[:2] for each in locked}


def test_each_is_named_with_hashes_and_licences(sbom: dict[str, Any]) -> None:
    for each in sbom["components"]:
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert any(reference.get("hashes") for reference in each["externalReferences"]), each["name"]
        assert each["licenses"]


def test_it_is_cyclonedx_and_says_of_what_it_is(sbom: dict[str, Any]) -> None:
    require_valid(sbom)

    assert (sbom["metadata"]["component"]["name"], sbom["metadata"]["component"]["version"]) == ("mlrelease", "0.1.0")


def test_a_licence_that_is_not_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply_chain.sbom, "ALLOWED", supply_chain.sbom.ALLOWED - {"LGPL-3.0-only"})

    with pytest.raises(Unlicensed, match=r"psycopg: LGPL-3\.0-only"):
        build_sbom(LOCK, project=ROOT / "pyproject.toml")


@pytest.mark.parametrize(
    ("licences", "not_allowed"),
    [
        (["MIT"], []),
        (["MIT OR GPL-3.0-only"], []),
        (["MIT AND GPL-3.0-only"], ["MIT AND GPL-3.0-only"]),
        (["AGPL-3.0-only"], ["AGPL-3.0-only"]),
        (["Our own words"], ["Our own words"]),
        ([], ["no licence is known"]),
    ],
)
def test_expressions_are_read_as_spdx_has_them(licences: list[str], not_allowed: list[str]) -> None:
    assert refused(licences) == not_allowed

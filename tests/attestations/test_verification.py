"""A provenance document is verified from itself, and whatever is not as it was signed is refused."""

import copy
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from app.attestations.keys import SigningKeys
from app.attestations.verification import Anchor, require_anchor, require_model, verify_document
from app.errors import Invalid, MlreleaseError
from tests.attestations.signing import HASH, a_model, a_statement, as_bytes, new_keys, payload_of, signed, with_payload


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return new_keys(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return a_model(tmp_path / "model")


@pytest.fixture
def document(model: Path, keys: SigningKeys) -> dict[str, Any]:
    return signed(a_statement(model).as_json(), keys)


def refused(content: bytes, keys: SigningKeys) -> MlreleaseError:
    with pytest.raises(MlreleaseError) as no:
        verify_document(content, keys=keys.public)
    return no.value


def test_document_is_the_statement_that_was_signed(document: dict[str, Any], keys: SigningKeys, model: Path) -> None:
    verified = verify_document(as_bytes(document), keys=keys.public)

    assert verified.statement == a_statement(model)
    assert verified.key == keys.newest


def test_statement_has_the_shape_of_slsa_provenance(document: dict[str, Any]) -> None:
    statement = payload_of(document)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    predicate = statement["predicate"]
    assert set(predicate) == {"buildDefinition", "runDetails", "mlrelease_release"}
    assert set(predicate["buildDefinition"]) == {
        "buildType",
        "externalParameters",
        "internalParameters",
        "resolvedDependencies",
    }
    assert predicate["runDetails"]["metadata"]["startedOn"] == "2026-11-27T06:00:00Z"
    assert all({"uri", "digest", "content"} & set(each) for each in statement["subject"])


def test_any_change_of_the_payload_is_found(document: dict[str, Any], keys: SigningKeys) -> None:
    payload = payload_of(document)
    for path in (("subject", 0, "digest", "mlrelease_files_sha256"), ("predicate", "mlrelease_release", "requestedBy")):
        changed: Any = copy.deepcopy(payload)
        inner = changed
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = "0" * 64

        assert refused(as_bytes(with_payload(document, changed)), keys).code == "signature_invalid"


def test_another_key_is_named(document: dict[str, Any], keys: SigningKeys, tmp_path: Path) -> None:
    no = refused(as_bytes(document), new_keys(tmp_path, "other.pem"))

    assert no.code == "signature_invalid"
    assert f"names the key {keys.newest.id[:16]}" in no.sentence
    assert "mlrelease provenance keys" in str(no.hint)


def test_document_of_a_key_before_is_verified_by_the_file_of_both(document: dict[str, Any], tmp_path: Path) -> None:
    newest = new_keys(tmp_path, "newest.pem")
    (tmp_path / "newest.pem").write_text((tmp_path / "newest.pem").read_text() + (tmp_path / "key.pem").read_text())
    rotated = new_keys(tmp_path, "newest.pem")

    assert verify_document(as_bytes(document), keys=rotated.public).key == rotated.public[1] != newest.newest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda signed: signed.update(predicateType="https://example.org"), "predicateType"),
        (lambda signed: signed.update(_type="x"), "_type"),
        (lambda signed: signed.update(subject=[]), "subject"),
        (lambda signed: signed.update(subject="x"), "subject"),
        (lambda signed: signed["predicate"].pop("runDetails"), "runDetails"),
        (lambda signed: signed["predicate"].pop("mlrelease_release"), "mlrelease_release"),
        (lambda signed: signed["predicate"]["buildDefinition"].update(buildType="x"), "buildType"),
        (lambda signed: signed["subject"][0].pop("digest"), "without the digest"),
        (lambda signed: signed["subject"].append({"name": "b", "digest": {"mlrelease_files_sha256": "b"}}), "several"),
    ],
)
def test_signed_document_of_another_kind_is_refused(
    document: dict[str, Any], keys: SigningKeys, change: Any, says: str
) -> None:
    payload = payload_of(document)
    change(payload)

    no = refused(as_bytes(signed(payload, keys)), keys)

    assert (no.code, says in no.sentence) == ("statement_invalid", True), no.sentence


def test_keys_that_a_reader_does_not_know_are_ignored(document: dict[str, Any], keys: SigningKeys) -> None:
    payload = {**payload_of(document), "later": {"a": 1}}

    assert verify_document(as_bytes({**signed(payload, keys), "later": 1}), keys=keys.public)


def test_signed_text_that_is_no_json_is_refused(keys: SigningKeys) -> None:
    twice = b'{"_type": "a", "_type": "b"}'
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(twice), twice)
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": b64encode(twice).decode(),
        "signatures": [{"sig": b64encode(keys.sign(message)).decode()}],
    }

    assert refused(json.dumps(envelope).encode(), keys).sentence == "The statement has `_type` twice in one object."


def test_model_is_compared_by_its_files(document: dict[str, Any], keys: SigningKeys, model: Path) -> None:
    statement = verify_document(as_bytes(document), keys=keys.public).statement
    assert require_model(statement, model).startswith("sha256:")

    (model / "more.txt").write_text("")
    with pytest.raises(Invalid, match="are not the model") as no:
        require_model(statement, model)

    assert no.value.code == "model_differs"
    with pytest.raises(Invalid, match="nothing cannot be read: it is not there"):
        require_model(statement, model / "nothing")


def test_anchor_is_compared_with_the_event_of_the_document(model: Path) -> None:
    statement = a_statement(model)
    require_anchor(statement, Anchor(7, HASH))

    with pytest.raises(Invalid, match="not bbbb") as differs:
        require_anchor(statement, Anchor(7, "b" * 64))
    with pytest.raises(Invalid, match="cannot be compared") as other:
        require_anchor(statement, Anchor(8, HASH))

    assert (differs.value.code, other.value.code) == ("anchor_differs", "anchor_not_comparable")
    assert other.value.hint == f"Ask the service: mlrelease audit verify --anchor 7:{HASH}"

"""Signatures of models: what the reference tool signed is verified, and nothing else is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.attestations.keys import PublicKey, SigningKeys, read_public_keys
from app.attestations.model_signature import verify_model_signature
from app.errors import Invalid
from tests.attestations.model_signing import sign_model, signed_statement, statement_over
from tests.attestations.signing import a_model, new_keys

HERE = Path(__file__).parent
SUBJECT = "03eb24b2155334c80c85d1ef2f165e7e4c9be09ce5696d075a268761a85f130d"  # over both files, by the reference tool
FILES = {
    "a.pkl": "fc4b5fd6816f75a7c81fc8eaa9499d6a299bd803397166e8c4cf9280b801d62c",
    "sub/b.txt": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
}


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return new_keys(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return a_model(tmp_path / "model")


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, tuple[PublicKey, ...]]:
    """A model that the reference tool signed, and its key."""
    copy = Path(shutil.copytree(HERE / "signed_model", tmp_path / "signed"))
    return copy, read_public_keys((HERE / "signed_model.pub.pem").read_bytes(), what="It")


def code_of(model: Path, keys: tuple[PublicKey, ...], *, says: str = "", file: str = "model.sig") -> str:
    with pytest.raises(Invalid) as no:
        verify_model_signature(model, file=file, keys=keys)
    assert says in no.value.sentence, no.value.sentence
    return no.value.code


def test_signature_of_the_reference_tool_is_verified(signed: tuple[Path, tuple[PublicKey, ...]]) -> None:
    model, keys = signed

    assert verify_model_signature(model, file="model.sig", keys=keys) == keys[0]


def test_what_is_signed_here_is_what_the_reference_tool_signs(
    signed: tuple[Path, tuple[PublicKey, ...]], model: Path
) -> None:
    reference = signed_statement(signed[0] / "model.sig")
    ours = statement_over(model)

    assert ours["subject"] == reference["subject"] == [{"name": "model", "digest": {"sha256": SUBJECT}}]
    assert ours["predicate"] == reference["predicate"]
    assert {each["name"]: each["digest"] for each in ours["predicate"]["resources"]} == FILES


def test_another_key_is_refused_and_one_of_several_is_enough(
    signed: tuple[Path, tuple[PublicKey, ...]], keys: SigningKeys
) -> None:
    model, its = signed

    assert code_of(model, keys.public, says="not of the key") == "model_signature_wrong_key"
    assert verify_model_signature(model, file="model.sig", keys=(*keys.public, *its)) == its[0]


def test_files_that_are_not_as_they_were_signed_are_named(signed: tuple[Path, tuple[PublicKey, ...]]) -> None:
    model, keys = signed
    (model / "more.pkl").write_text("")
    assert code_of(model, keys, says="that the model has: more.pkl.") == "model_signature_extra_file"

    (model / "more.pkl").unlink()
    (model / "a.pkl").write_text("changed")
    assert code_of(model, keys, says="other content of: a.pkl.") == "model_signature_changed_file"

    (model / "a.pkl").unlink()
    assert code_of(model, keys, says="does not have: a.pkl.") == "model_signature_missing_file"

    (model / "model.sig").unlink()
    assert code_of(model, keys, says="it has no model.sig") == "model_signature_missing"


@pytest.mark.parametrize("name", [".gitignore", ".git/config", "sub/model.sig", "MODEL.SIG"])
def test_file_that_a_signature_says_to_ignore_is_not_released(model: Path, keys: SigningKeys, name: str) -> None:
    sign_model(model, keys, change=lambda signed: signed["predicate"]["serialization"]["ignore_paths"].append("*"))
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("import os")

    assert code_of(model, keys.public, says=name) == "model_signature_extra_file"


def test_signature_may_lie_anywhere_in_the_model(model: Path, keys: SigningKeys) -> None:
    sign_model(model, keys, file="sub/of.json")

    assert verify_model_signature(model, file="sub/of.json", keys=keys.public) == keys.newest
    assert code_of(model / "a.pkl", keys.public, says="is not signed") == "model_signature_missing"


def _swap(signed: dict[str, Any]) -> None:
    first, second = signed["predicate"]["resources"]
    first["digest"], second["digest"] = second["digest"], first["digest"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda signed: signed.update(predicateType="https://example.org/other"), "model_signature_unsupported"),
        (lambda signed: signed["predicate"]["serialization"].update(method="shards"), "model_signature_unsupported"),
        (
            lambda signed: signed["predicate"]["serialization"].update(hash_type="blake2b"),
            "model_signature_unsupported",
        ),
        (lambda signed: signed["predicate"].pop("serialization"), "model_signature_unreadable"),
        (lambda signed: signed["predicate"].update(resources={}), "model_signature_unreadable"),
        (lambda signed: signed["predicate"]["resources"].append("x"), "model_signature_unreadable"),
        (lambda signed: signed["predicate"]["resources"][0].update(algorithm="md5"), "model_signature_unreadable"),
        (lambda signed: signed["predicate"]["resources"][0].update(digest="zz"), "model_signature_unreadable"),
        (lambda signed: signed["predicate"]["resources"][0].update(digest="A" * 64), "model_signature_unreadable"),
        (
            lambda signed: signed["predicate"]["resources"].append(signed["predicate"]["resources"][0]),
            "model_signature_unreadable",
        ),
        (lambda signed: signed["subject"].append(signed["subject"][0]), "model_signature_unreadable"),
        (lambda signed: signed["subject"][0]["digest"].update(sha256="0" * 64), "model_signature_unreadable"),
        (_swap, "model_signature_unreadable"),
    ],
)
def test_signed_statement_of_another_kind_is_refused(
    model: Path, keys: SigningKeys, change: Callable[[dict[str, Any]], object], code: str
) -> None:
    sign_model(model, keys, change=change)

    assert code_of(model, keys.public) == code


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"dsseEnvelope": []}', '{"dsseEnvelope": {"payload": NaN}}', "\udcff"]
)
def test_file_that_is_no_signature_is_refused(model: Path, keys: SigningKeys, text: str) -> None:
    (model / "model.sig").write_bytes(text.encode(errors="surrogateescape"))

    assert code_of(model, keys.public, says="The model's signature model.sig") == "model_signature_unreadable"


def test_signature_whose_list_was_changed_afterwards_is_of_no_key(model: Path, keys: SigningKeys) -> None:
    signature = sign_model(model, keys)
    bundle = json.loads(signature.read_text())
    (model / "a.pkl").write_text("changed")
    bundle["dsseEnvelope"]["payload"] = json.loads(sign_model(model, new_other(model)).read_text())["dsseEnvelope"][
        "payload"
    ]
    signature.write_text(json.dumps(bundle))

    assert code_of(model, keys.public) == "model_signature_wrong_key"


def new_other(model: Path) -> SigningKeys:
    return new_keys(model.parent, "other.pem")

"""A definition that asks for a signature names a public key that can verify one."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.definitions.read import read_archive, read_definition
from app.errors import Invalid
from tests.attestations.signing import new_keys
from tests.bundles.tars import tar_of
from tests.definitions.conftest import change

ASKED = "golden: golden.json\n  signature:\n    public_key: keys/model.pub"


@pytest.fixture
def signed(folder: Path, tmp_path: Path) -> Path:
    """A definition that asks for a signature."""
    change(folder / "release.yml", "golden: golden.json", ASKED)
    (folder / "keys").mkdir()
    (folder / "keys" / "model.pub").write_text(new_keys(tmp_path).newest.pem)
    return folder


def test_signature_lies_in_model_sig_unless_it_is_said(signed: Path) -> None:
    check = read_definition(signed).checks.signature_check

    assert check is not None
    assert (check.public_key, check.file) == ("keys/model.pub", "model.sig")


def test_key_is_found_from_the_bundles_root_and_read_in_a_child_process(signed: Path) -> None:
    change(signed / "release.yml", "model:\n", "root: ..\nmodel:\n")
    files = [each for each in signed.rglob("*") if each.is_file()]
    archive = tar_of(*((f"churn/{each.relative_to(signed).as_posix()}", each.read_bytes()) for each in files))

    check = read_archive(archive).checks.signature_check

    assert check is not None
    assert check.public_key == "churn/keys/model.pub"


RSA = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "release.yml:11: checks.signature.public_key: there is no file 'keys/model.pub' in the definition's folder"),
        (b"", "keys/model.pub: has no key in PEM format"),
        (RSA, "keys/model.pub: has a key that is not ECDSA on P-256, P-384 or P-521"),
        (b"x" * 70_000, "keys/model.pub: is larger than 65,536 bytes"),
        (b"private", "keys/model.pub: has a private key: name a file that has the public one alone"),
    ],
)  # fmt: skip
def test_file_that_has_no_public_key_is_a_mistake(
    signed: Path, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = signed / "keys" / "model.pub"
    if content is None:
        file.unlink()
    else:
        file.write_bytes((tmp_path / "key.pem").read_bytes() if content == b"private" else content)

    with pytest.raises(Invalid) as no:
        read_definition(signed)

    [found] = map(str, no.value.mistakes)
    assert found.startswith(says)


@pytest.mark.parametrize("written", ["file: ../model.sig", "file: /model.sig", "files: model.sig"])
def test_path_that_leads_out_of_the_model_is_a_mistake(signed: Path, written: str) -> None:
    change(signed / "release.yml", "public_key: keys/model.pub", f"public_key: keys/model.pub\n    {written}")

    with pytest.raises(Invalid, match=r"checks\.signature\.files?"):
        read_definition(signed)

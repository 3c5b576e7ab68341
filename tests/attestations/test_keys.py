"""Keys in PEM files: who may read them, what they may be, and how one takes the place of another."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from app.attestations.keys import LARGEST, make_signing_key, read_public_keys, read_signing_keys
from app.errors import Invalid, Misconfigured
from tests.attestations.signing import new_keys

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def pem_of(
    key: PrivateKey,
    *,
    style: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, style, encryption or NoEncryption()).decode()


def written(folder: Path, content: str, *, mode: int = 0o600) -> Path:
    file = folder / "written.pem"
    file.write_text(content)
    file.chmod(mode)
    return file


def test_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "key.pem"
    make_signing_key(file)
    first = file.read_text()

    make_signing_key(file)

    assert file.read_text() == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["key.pem"]
    assert read_signing_keys(file).private.curve.name == "secp256r1"


def test_key_is_shown_nowhere(tmp_path: Path) -> None:
    keys = new_keys(tmp_path)

    assert "PRIVATE" not in repr(keys)
    assert all("PRIVATE" not in each.pem for each in keys.public)


def test_keys_that_signed_before_stand_below(tmp_path: Path) -> None:
    before, newest = new_keys(tmp_path, "before.pem"), new_keys(tmp_path, "newest.pem")
    rotated = written(tmp_path, (tmp_path / "newest.pem").read_text() + before.newest.pem)

    keys = read_signing_keys(rotated)

    assert [each.id for each in keys.public] == [newest.newest.id, before.newest.id]
    assert keys.newest.signed(b"x", keys.sign(b"x"))
    assert not keys.public[1].signed(b"x", keys.sign(b"x"))


def test_key_of_openssl_is_read(tmp_path: Path) -> None:
    """`openssl ecparam -genkey` writes the curve's parameters above the key, in a format of its own."""
    key = ec.generate_private_key(ec.SECP384R1())
    parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
    keys = read_signing_keys(written(tmp_path, parameters + pem_of(key, style=PrivateFormat.TraditionalOpenSSL)))

    assert keys.newest.signed(b"x", keys.sign(b"x"))
    assert not keys.newest.signed(b"y", keys.sign(b"x"))


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o620, 0o660, 0o644])
def test_key_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    make_signing_key(tmp_path / "key.pem")
    file = written(tmp_path, (tmp_path / "key.pem").read_text(), mode=mode)

    with pytest.raises(Misconfigured, match="other users can read or change it") as no:
        read_signing_keys(file)

    assert "MLRELEASE_PROVENANCE_KEY_FILE" in str(no.value.hint)


def test_key_that_the_service_reads_through_its_group_is_taken(tmp_path: Path) -> None:
    """As Kubernetes mounts a secret: root's, read through the pod's group, behind a link."""
    new_keys(tmp_path)
    (tmp_path / "key.pem").chmod(0o440)
    (tmp_path / "link.pem").symlink_to("key.pem")

    assert read_signing_keys(tmp_path / "link.pem").public


def test_files_that_hold_no_signing_key_are_refused_in_words(tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    said = {
        "has no key in PEM format": "",
        "has no key in PEM": "-----BEGIN PRIVATE KEY-----\nMIG",
        "PRIVATE KEY that cannot be read": "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----",
        "CERTIFICATE that cannot be read": "-----BEGIN CERTIFICATE-----\nMIGH\n-----END CERTIFICATE-----",
        "with a passphrase": pem_of(curve, encryption=BestAvailableEncryption(b"secret")),
        "not ECDSA on P-256, P-384 or P-521": pem_of(rsa.generate_private_key(65537, 2048)),
        "not ECDSA on P-256, P-384": pem_of(ed25519.Ed25519PrivateKey.generate()),
        "not ECDSA on P-256": pem_of(ec.generate_private_key(ec.SECP256K1())),
        "its first key is public": new_keys(tmp_path).newest.pem,
        "is larger than 65,536 bytes": "x" * (LARGEST + 1),
    }
    for words, content in said.items():
        with pytest.raises(Misconfigured, match=words):
            read_signing_keys(written(tmp_path, content))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("missing.pem", ".", "fifo"):
        with pytest.raises(Misconfigured, match="cannot be used"):
            read_signing_keys(tmp_path / name)


def test_public_keys_are_read_from_whatever_holds_them(tmp_path: Path) -> None:
    keys = new_keys(tmp_path)

    assert read_public_keys(keys.newest.pem.encode() * 2, what="It") == (keys.newest, keys.newest)
    with pytest.raises(Invalid, match="It has no key in PEM format"):
        read_public_keys(b"ssh-rsa AAAA", what="It")

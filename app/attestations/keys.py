"""Keys of signatures: ECDSA on the NIST curves, with the hash that belongs to each (P-256 with SHA-256).

A key is known by the SHA-256 over its public half (DER, SubjectPublicKeyInfo).
"""

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.errors import Invalid, Misconfigured
from app.process.private_files import make_private_folder, write_once

LARGEST = 64 * 1024  # bytes of a file with keys
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]{1,40})-----.*?-----END \1-----", re.DOTALL)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


@dataclass(frozen=True)
class PublicKey:
    """What verifies signatures."""

    key: ec.EllipticCurvePublicKey

    @property
    def id(self) -> str:
        der = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()

    @property
    def pem(self) -> str:
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether this key's private half made the signature over the message."""
        try:
            self.key.verify(signature, message, ec.ECDSA(_HASHES[self.key.curve.name]))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKeys:
    """A private key, and the public keys that documents may be signed with: its own first, then those that signed before it."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: tuple[PublicKey, ...]

    @property
    def newest(self) -> PublicKey:
        return self.public[0]

    def sign(self, message: bytes) -> bytes:
        """The same signature for the same message (RFC 6979)."""
        algorithm = ec.ECDSA(_HASHES[self.private.curve.name], deterministic_signing=True)
        return self.private.sign(message, algorithm)


def read_public_keys(pem: bytes, *, what: str) -> tuple[PublicKey, ...]:
    """The public keys in a PEM file, in order. Raises Invalid; ``what`` begins its sentence."""
    return tuple(PublicKey(_public(key)) for key in _keys_in(pem, what=what))


def read_signing_keys(file: Path) -> SigningKeys:
    """The keys in a PEM file: a private one first. Raises Misconfigured for one that others can read, or that has no such key."""
    try:
        first, *earlier = _keys_in(_read_private(file), what="It")
    except Invalid as wrong:
        raise _unusable(file, f"{wrong.sentence[0].lower()}{wrong.sentence[1:].rstrip('.')}") from None
    if not isinstance(first, ec.EllipticCurvePrivateKey):
        raise _unusable(file, "its first key is public, but the newest private key has to be the first")
    return SigningKeys(first, tuple(PublicKey(_public(each)) for each in (first, *earlier)))


def make_signing_key(file: Path) -> None:
    """A new P-256 key in this file, unless there is one. Raises Misconfigured."""
    if file.exists():
        return
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        make_private_folder(file.parent)
        write_once(file, pem.decode())
    except OSError as refused:
        raise _unusable(file, (refused.strerror or str(refused)).lower()) from refused


def _keys_in(pem: bytes, *, what: str) -> list[ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey]:
    if len(pem) > LARGEST:
        raise Invalid(f"{what} is larger than {LARGEST:,} bytes.", code="key_invalid")
    blocks = [(found[1].decode(), found[0]) for found in _BLOCK.finditer(pem)]
    keys = [_key(kind, block, what) for kind, block in blocks if kind != "EC PARAMETERS"]  # openssl writes them too
    if not keys:
        raise Invalid(f"{what} has no key in PEM format.", code="key_invalid")
    return keys


def _key(kind: str, block: bytes, what: str) -> ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey:
    try:
        key = load_pem_private_key(block, None) if kind.endswith("PRIVATE KEY") else load_pem_public_key(block)
    except TypeError:
        raise Invalid(f"{what} has a key with a passphrase, which is not supported.", code="key_invalid") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"{what} has a {kind} that cannot be read.", code="key_invalid") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise Invalid(f"{what} has a key that is not ECDSA on P-256, P-384 or P-521.", code="key_invalid")
    return key


def _public(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> ec.EllipticCurvePublicKey:
    return key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key


def _read_private(file: Path) -> bytes:
    """Raises Misconfigured for a file that every user of the machine can read, or that is not this user's or root's."""
    try:
        # A link is followed: Kubernetes mounts secrets as links.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            status = os.fstat(opened.fileno())
            content = opened.read(LARGEST + 1)
    except OSError as refused:
        raise _unusable(file, (refused.strerror or str(refused)).lower()) from refused
    if not stat.S_ISREG(status.st_mode) or status.st_uid not in {0, os.geteuid()}:
        raise _unusable(file, "it belongs to another user, or is not a file")
    if stat.S_IMODE(status.st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
        raise _unusable(file, "other users can read or change it (`chmod 600` mends that)")
    return content


def _unusable(file: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"The signing key {file} cannot be used: {why}.",
        code="provenance_key_unusable",
        hint="Set MLRELEASE_PROVENANCE_KEY_FILE to a private ECDSA key in PEM format that only the service's user can read.",
    )

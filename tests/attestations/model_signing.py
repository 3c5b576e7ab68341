"""Signs a model as the reference tool does; a test proves that what this verifies, that tool has made too."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.attestations.dsse import sign
from app.attestations.keys import SigningKeys
from app.attestations.model_signature import PREDICATE_TYPE
from app.bundles.digest import entries_of

Json = dict[str, Any]


def statement_over(model: Path, *, file: str = "model.sig") -> Json:
    resources = [
        {"name": entry.path, "digest": entry.sha256, "algorithm": "sha256"}
        for entry in sorted(entries_of(model))
        if entry.path != file
    ]
    joined = b"".join(bytes.fromhex(each["digest"]) for each in resources)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": model.name, "digest": {"sha256": hashlib.sha256(joined).hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "ignore_paths": [".gitignore", ".git", ".github", ".gitattributes", file],
                "allow_symlinks": False,
            },
            "resources": resources,
        },
    }


def bundle_of(statement: Json, keys: SigningKeys) -> Json:
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        # The reference tool looks for a key by its PEM file.
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(keys.newest.pem.encode()).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": sign(statement, keys).as_json(),
    }


def sign_model(
    model: Path, keys: SigningKeys, *, file: str = "model.sig", change: Callable[[Json], object] | None = None
) -> Path:
    """Write the signature into the model's folder. ``change``: what is done to the statement before it is signed."""
    statement = statement_over(model, file=file)
    if change is not None:
        change(statement)
    (model / file).write_text(json.dumps(bundle_of(statement, keys)))
    return model / file


def signed_statement(signature: Path) -> Json:
    envelope = json.loads(signature.read_text())["dsseEnvelope"]
    statement: Json = json.loads(base64.b64decode(envelope["payload"]))
    return statement

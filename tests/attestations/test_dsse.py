"""Envelopes: what is signed is what DSSE says, and what others sent is read strictly."""

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app.attestations.dsse import IN_TOTO, Envelope, envelope_in, read_envelope, verified_by
from app.attestations.keys import SigningKeys
from app.documents.strict_json import DEEPEST
from app.errors import Invalid, TooLarge
from tests.attestations.signing import as_bytes, new_keys, signed

DOCUMENT = {"_type": "x", "n": 1}


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return new_keys(tmp_path)


def test_what_is_signed_is_the_encoding_of_the_specification(keys: SigningKeys) -> None:
    """PAE("http://example.com/HelloWorld", "hello world") of the specification's own example."""
    message = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    signature = keys.private.sign(message, ec.ECDSA(hashes.SHA256()))
    envelope = Envelope(b"hello world", (("", signature),), "http://example.com/HelloWorld")

    assert verified_by(envelope, keys.public) is keys.newest


def test_the_same_document_is_signed_with_the_same_bytes(keys: SigningKeys) -> None:
    envelope = signed(DOCUMENT, keys)

    assert envelope == signed(dict(reversed(DOCUMENT.items())), keys)
    assert envelope["payloadType"] == IN_TOTO
    assert [each["keyid"] for each in envelope["signatures"]] == [keys.newest.id]


def test_envelope_in_the_url_alphabet_is_the_same(keys: SigningKeys) -> None:
    envelope = signed({"text": "ÿþ?>~" * 9}, keys)
    other = {**envelope, "payload": envelope["payload"].replace("+", "-").replace("/", "_")}

    assert envelope_in(other, what="It") == envelope_in(envelope, what="It")


def test_signature_of_another_document_does_not_verify(keys: SigningKeys) -> None:
    mine, other = signed(DOCUMENT, keys), signed({**DOCUMENT, "n": 2}, keys)

    moved = read_envelope(as_bytes({**mine, "signatures": other["signatures"]}), what="It")
    retyped = read_envelope(as_bytes({**mine, "payloadType": "text/plain"}), what="It")

    assert verified_by(moved, keys.public) is None
    assert verified_by(retyped, keys.public) is None


def test_one_of_several_signatures_and_keys_is_enough(keys: SigningKeys, tmp_path: Path) -> None:
    other = new_keys(tmp_path, "other.pem")
    mine, theirs = signed(DOCUMENT, keys), signed(DOCUMENT, other)
    both = read_envelope(as_bytes({**mine, "signatures": [*theirs["signatures"], *mine["signatures"]]}), what="It")

    assert verified_by(both, keys.public) is keys.newest
    assert verified_by(both, [*other.public, *keys.public]) is other.newest


def test_key_id_proves_nothing(keys: SigningKeys, tmp_path: Path) -> None:
    theirs = signed(DOCUMENT, new_keys(tmp_path, "other.pem"))
    claims = [{**theirs["signatures"][0], "keyid": keys.newest.id}]

    assert verified_by(read_envelope(as_bytes({**theirs, "signatures": claims}), what="It"), keys.public) is None


SIGNATURE = {"keyid": "k", "sig": "QQ=="}
GOOD: dict[str, Any] = {"payloadType": IN_TOTO, "payload": "e30=", "signatures": [SIGNATURE]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "It is not JSON: Expecting value in line 1."),
        (b"\xff", "It is not text in UTF-8."),
        (b"[]", "It is not a JSON object."),
        (b"null", "It is not a JSON object."),
        (b"{}", "It is not a DSSE envelope"),
        (b'{"payload": "", "payload": ""}', "It has `payload` twice in one object."),
        (b'{"payload": NaN}', "It is not JSON: NaN is not allowed."),
        (b'{"payload": 1e999}', "It has a number that is too large: 1e999."),
        (b'{"payload": ' + b"9" * 5000 + b"}", "It is not JSON: Exceeds the limit"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "It is nested too deeply."),
        (b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "It is nested too deeply."),
        (as_bytes({**GOOD, "payload": 7}), "It is not a DSSE envelope"),
        (as_bytes({**GOOD, "payload": None}), "It is not a DSSE envelope"),
        (as_bytes({**GOOD, "payloadType": ["x"]}), "It is not a DSSE envelope"),
        (as_bytes({**GOOD, "signatures": {}}), "It is not a DSSE envelope"),
        (as_bytes({**GOOD, "signatures": []}), "It has 0 signatures; 1 to 10 are accepted."),
        (as_bytes({**GOOD, "signatures": [SIGNATURE] * 11}), "It has 11 signatures; 1 to 10 are accepted."),
        (as_bytes({**GOOD, "signatures": ["x"]}), "It has a signature that is not"),
        (as_bytes({**GOOD, "signatures": [{"sig": 7}]}), "It has a signature that is not"),
        (as_bytes({**GOOD, "signatures": [{"sig": "QQ==", "keyid": {}}]}), "It has a signature that is not"),
        (as_bytes({**GOOD, "signatures": [{"sig": "Q"}]}), "It has a payload or signature that is not base64."),
        (as_bytes({**GOOD, "payload": "e30"}), "It has a payload or signature that is not base64."),
        (as_bytes({**GOOD, "payload": "é30="}), "It has a payload or signature that is not base64."),
        (as_bytes({**GOOD, "payload": "e3 0="}), "It has a payload or signature that is not base64."),
    ],
)
def test_what_is_no_envelope_is_refused_in_words(content: bytes, says: str) -> None:
    with pytest.raises(Invalid) as no:
        read_envelope(content, what="It")

    assert str(no.value).startswith(says)
    assert no.value.code == "envelope_invalid"


def test_envelope_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        read_envelope(b" " * (16 * 1024**2 + 1), what="It")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "sig"]), inner)
        ),
    )
)
def test_whatever_json_is_sent_is_read_or_refused(document: Any) -> None:
    with suppress(Invalid):
        read_envelope(json.dumps(document).encode(), what="It")


@given(st.binary(max_size=80))
def test_no_made_up_signature_verifies(signature: bytes) -> None:
    key = ec.derive_private_key(12345, ec.SECP256R1())
    keys = SigningKeys(key, ())
    envelope = {**GOOD, "signatures": [{"sig": base64.b64encode(signature).decode()}]}

    assert verified_by(envelope_in(envelope, what="It"), keys.public) is None

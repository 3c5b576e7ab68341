"""Random secrets: the format of API tokens, and the hash that is stored.

A token is ``mlr_``, 256 random bits in 43 characters, and 6 characters of checksum: a scanner for secrets knows one for certain, and
a typing error is told from a wrong token without asking the database.

Kept is the SHA-256. A slow hash is for passwords, which can be guessed; 2^256 possibilities cannot, and a fast hash lets every
request be checked. Being a hash, its index may be searched: timing tells something of the hash only, which leads nowhere.
"""

import hashlib
import secrets
import zlib

PREFIX = "mlr_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 43  # 62^43 > 2^256
_CHECKSUM = 6


def new_token() -> str:
    random = _written(int.from_bytes(secrets.token_bytes(32)), _RANDOM)
    return f"{PREFIX}{random}{_checksum(random)}"


def is_token(text: str) -> bool:
    """Whether the text has the format and the checksum of an API token."""
    random, checksum = text[len(PREFIX) : -_CHECKSUM], text[-_CHECKSUM:]
    return text.startswith(PREFIX) and len(random) == _RANDOM and text.isascii() and checksum == _checksum(random)


def new_secret() -> str:
    """A new secret for a cookie."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """The hash that is stored instead of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(random: str) -> str:
    return _written(zlib.crc32(random.encode()), _CHECKSUM)


def _written(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))

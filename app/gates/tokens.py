"""The job tokens of Azure Pipelines, encrypted while they wait to be used: neither a backup nor a query shows one."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.notifications.sending import NotDelivered


def encrypt_token(keys: Sequence[str], token: str) -> str:
    return _cipher(keys).encrypt(token.encode()).decode()


def decrypt_token(keys: Sequence[str], encrypted: str) -> str:
    """Raises NotDelivered where the signing key that it was encrypted under is gone."""
    try:
        return _cipher(keys).decrypt(encrypted.encode()).decode()
    except InvalidToken as broken:
        raise NotDelivered(
            "The run's token was encrypted under a signing key that was removed.",
            code="token_unreadable",
            for_good=True,
        ) from broken


def _cipher(keys: Sequence[str]) -> MultiFernet:
    derived = (hmac.digest(key.encode(), b"tokens of gates", hashlib.sha256) for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])

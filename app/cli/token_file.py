"""The token that commands send, from the environment or a file. Never an argument: all users of a machine can read those."""

import stat
from collections.abc import Mapping
from pathlib import Path

from app.errors import Misconfigured


def token_given(variables: Mapping[str, str]) -> str | None:
    """MLRELEASE_TOKEN, or what the file holds that MLRELEASE_TOKEN_FILE names. Raises Misconfigured."""
    if token := variables.get("MLRELEASE_TOKEN", "").strip():
        return _sendable(token)
    if name := variables.get("MLRELEASE_TOKEN_FILE", ""):
        return _sendable(_read(Path(name).expanduser()))
    return None


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as handle:
            mode = stat.S_IMODE(file.stat().st_mode)
            token = handle.read(20_000).strip()
    except (OSError, UnicodeDecodeError) as broken:
        raise Misconfigured(f"The token in {file} cannot be read.", hint="Check MLRELEASE_TOKEN_FILE.") from broken
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"Other users can read the token file {file}.", hint=f"Run `chmod 600 {file}`.")
    return token


def _sendable(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Misconfigured("The token is malformed.", hint="Copy the whole token into MLRELEASE_TOKEN again.")
    return token

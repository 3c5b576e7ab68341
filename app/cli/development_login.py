"""The development login: a name, and the token that only the user who started the service can read."""

import os
from collections.abc import Generator, Mapping
from pathlib import Path

import httpx

from app.process.development_token import read_token, token_file

DEFAULT_DATA = Path(".mlrelease")


class DevelopmentLogin(httpx.Auth):
    """Sends the name and the token that is in the file now: each start of the service creates a new one."""

    def __init__(self, name: str, data: Path) -> None:
        self.name = name
        self.data = data

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises Misconfigured when the token's file is not the user's own."""
        request.headers.setdefault("Mlrelease-Actor", self.name)
        token = read_token(self.data)
        if token is not None:
            request.headers.setdefault("Authorization", f"Bearer {token}")
        yield request


def data_folder(variables: Mapping[str, str], *, here: Path | None = None) -> Path:
    """The data folder of the local service: MLRELEASE_DATA, or the nearest `.mlrelease` from here upwards with a token."""
    if given := variables.get("MLRELEASE_DATA", "").strip():
        return Path(given).expanduser()
    start = here or Path.cwd()
    folders = (folder / DEFAULT_DATA for folder in (start, *start.parents))
    return next((each for each in folders if _is_own(token_file(each))), start / DEFAULT_DATA)


def _is_own(file: Path) -> bool:
    """Whether the file is the user's own: another user can put one into a folder above, such as /tmp."""
    try:
        return file.lstat().st_uid == os.geteuid()
    except OSError:
        return False

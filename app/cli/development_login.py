"""Who calls a service of this very machine: a name, and the token that only the user who started the service can read."""

import os
from collections.abc import Generator, Mapping
from pathlib import Path

import httpx

from app.process.development_token import read_token, token_file

DEFAULT_DATA = Path(".mlrelease")


class DevelopmentLogin(httpx.Auth):
    """Says a name, and proves it by the token as it is in the file now: a service that was started again has a new one."""

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
    """Where the service of this machine keeps its files: MLRELEASE_DATA, or the nearest `.mlrelease` from here upwards that has a token."""
    if given := variables.get("MLRELEASE_DATA", "").strip():
        return Path(given).expanduser()
    start = here or Path.cwd()
    folders = (folder / DEFAULT_DATA for folder in (start, *start.parents))
    return next((each for each in folders if _is_own(token_file(each))), start / DEFAULT_DATA)


def _is_own(file: Path) -> bool:
    """Not one that another user has put into a folder above ours, such as /tmp."""
    try:
        return file.lstat().st_uid == os.geteuid()
    except OSError:
        return False

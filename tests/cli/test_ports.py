"""A port that is taken is said before anything starts."""

import socket

import pytest

from app.errors import Misconfigured
from app.local.ports import LOOPBACK, free_port, require_free


def test_taken_port_is_refused_with_the_setting_to_change() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"Port {port} on {LOOPBACK} cannot be used") as refused:
            require_free(port, host=LOOPBACK, setting="MLRELEASE_PORT")
    assert "MLRELEASE_PORT" in (refused.value.hint or "")


def test_free_port_is_free() -> None:
    require_free(free_port(), host=LOOPBACK, setting="MLRELEASE_PORT")

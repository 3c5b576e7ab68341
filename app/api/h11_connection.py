"""HTTP/1.1 by h11, in Python: for machines that httptools is not built for."""

from uvicorn.protocols.http.h11_impl import H11Protocol

from app.api.connections import TimeLimit


class H11Connection(TimeLimit, H11Protocol):
    """One connection."""

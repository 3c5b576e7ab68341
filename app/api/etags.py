"""ETags: how answers are told that their caller has already (RFC 9110)."""


def etag_of(version: object) -> str:
    """Of what has this version: no quotes are in it."""
    return f'"{version}"'


def known_of(if_none_match: str | None) -> frozenset[str]:
    """The ETags in a header, for a weak comparison: a proxy that compresses makes an ETag weak."""
    return frozenset(etag.strip().removeprefix("W/") for etag in (if_none_match or "").split(","))

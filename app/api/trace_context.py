"""W3C Trace Context: the trace that a request belongs to, which a worker goes on with. https://www.w3.org/TR/trace-context/"""

import re
import secrets

from fastapi import Request

# Of a newer version, what follows is left out; ids of zeros and the version ff are invalid in all.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


def traceparent_of(request: Request) -> str:
    """The header ``traceparent``, as version 00; where there is none, several or an invalid one, that of a new trace."""
    sent = request.headers.getlist("traceparent")
    found = _TRACEPARENT.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None or (found[1] == "00" and found[4]):
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    return f"00-{found[2]}-{int(found[3], 16) & _SAMPLED:02x}"

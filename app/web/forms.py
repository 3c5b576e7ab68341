"""Reading HTML forms."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from app.errors import Forbidden


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Of a name that occurs twice, the last value."""
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=100)
    except ValueError as broken:
        raise Forbidden("The form cannot be read.", code="form_malformed") from broken
    return {name: values[-1].replace("\0", "") for name, values in fields.items()}


Fields = Annotated[dict[str, str], Depends(read_form)]

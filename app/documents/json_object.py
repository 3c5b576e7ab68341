"""A JSON object whose content is whatever others wrote: an Azure resource, a chat's request, a stored document."""

from typing import Any

Json = dict[str, Any]

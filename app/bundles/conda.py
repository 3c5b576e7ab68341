"""What pip is told to read from the disk in a conda file: requirements, constraints, folders, wheels."""

import re
from collections.abc import Iterator
from typing import Any

from app.documents.yaml_lines import Place

_OPTION = re.compile(
    r"^(?:-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links|-i|--index-url|--extra-index-url)(?:\s*=?\s*)(?P<path>.+)$"
)
_DIRECT = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*@\s*(?P<path>.+)$")
_REMOTE = re.compile(r"(https?|git\+[a-z]+|git|hg\+[a-z]+|svn\+[a-z]+|ssh)://", re.I)


def paths_of_conda(data: Any) -> Iterator[tuple[Place, str]]:
    """Each as its place in the file and the path that is meant."""
    dependencies = data.get("dependencies") if isinstance(data, dict) else None
    for index, dependency in enumerate(dependencies if isinstance(dependencies, list) else ()):
        requirements = dependency.get("pip") if isinstance(dependency, dict) else None
        for number, requirement in enumerate(requirements if isinstance(requirements, list) else ()):
            path = _path_of(requirement)
            if path is not None:
                yield ("dependencies", index, "pip", number), path


def _path_of(requirement: Any) -> str | None:
    """The path in a line of pip; None where it names a package, or something of the network."""
    if not isinstance(requirement, str):
        return None
    text = requirement.strip()
    option = _OPTION.match(text)
    direct = _DIRECT.match(text)
    named = option["path"] if option else direct["path"] if direct else text
    path = named.split(" ")[0].split("#")[0].strip().strip("\"'")
    if _REMOTE.match(path):
        return None
    if option or direct:
        return path
    return path if "/" in path or "\\" in path or path.startswith((".", "~", "file:")) else None

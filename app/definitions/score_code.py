"""The score code that a deployment names: is it there, and does it keep Azure ML's contract?"""

import ast
from collections.abc import Iterator
from pathlib import Path

from app.errors import Mistake
from app.written.yaml_lines import Document, Place

CODE: Place = ("code_configuration", "code")
SCRIPT: Place = ("code_configuration", "scoring_script")


def check_score_code(deployment: Document, *, folder: Path, file: Path) -> Iterator[Mistake]:
    """Look for folder and script; ``folder`` is the definition's, ``file`` the deployment's YAML in it."""
    code, script = deployment.section(*CODE), deployment.section(*SCRIPT)
    if not isinstance(code, str):
        return  # said already
    if code.startswith(("azureml:", "http:", "https:", "git+")):
        yield deployment.mistake(CODE, "must be a folder of the definition: its content is part of what is approved")
        return
    source = (file.parent / code).resolve()
    if not source.is_relative_to(folder.resolve()):
        yield deployment.mistake(CODE, f"{code!r} leads out of the definition's folder")
    elif not source.is_dir():
        yield deployment.mistake(CODE, f"there is no folder {code!r}")
    elif isinstance(script, str):
        path = (source / script).resolve()
        if not path.is_relative_to(source) or not path.is_file():
            yield deployment.mistake(SCRIPT, f"there is no file {script!r} in {code!r}")
        elif missing := [name for name in ("init", "run") if not _may_define(path, name)]:
            functions = " and no ".join(f"`{name}()`" for name in missing)
            yield deployment.mistake(SCRIPT, f"{script!r} has no {functions}: Azure ML calls them")


def _may_define(path: Path, name: str) -> bool:
    """False only when it surely does not: code for a newer Python than ours cannot be judged here."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return True
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) if found == name:
                return True
            case ast.Name(id=found, ctx=ast.Store()) if found == name:
                return True
            case ast.alias() if name == (node.asname or node.name) or node.name == "*":
                return True
    return False

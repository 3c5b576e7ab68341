"""Checking the score code of a deployment: it exists and has `init()` and `run()`."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.documents.yaml_lines import Document, Place
from app.errors import Mistake

CODE: Place = ("code_configuration", "code")
LARGEST_SCRIPT = 512 * 1024  # bytes: its syntax tree takes some three hundred times as much memory
SCRIPT: Place = ("code_configuration", "scoring_script")


def check_score_code(deployment: Document, *, folder: Path, file: Path) -> Iterator[Mistake]:
    """Look for folder and script; ``folder`` is the definition's, ``file`` the deployment's YAML in it."""
    code, script = deployment.section(*CODE), deployment.section(*SCRIPT)
    if not isinstance(code, str):
        return  # said already
    if code.startswith(("azureml:", "http:", "https:", "git+")):
        yield deployment.mistake(
            CODE, "must be a folder of the definition, because its content is part of the approval"
        )
        return
    source = (file.parent / code).resolve()
    if not source.is_relative_to(folder.resolve()):
        yield deployment.mistake(
            CODE,
            f"{code!r} is outside of the definition's folder: set `root` in release.yml to the common parent folder",
        )
    elif not source.is_dir():
        yield deployment.mistake(CODE, f"there is no folder {code!r}")
    elif isinstance(script, str):
        path = (source / script).resolve()
        if not path.is_relative_to(source) or not path.is_file():
            yield deployment.mistake(SCRIPT, f"there is no file {script!r} in {code!r}")
        elif path.stat().st_size > LARGEST_SCRIPT:
            yield deployment.mistake(
                SCRIPT, f"{script!r} is larger than {LARGEST_SCRIPT:,} bytes: put data into files of their own"
            )
        elif missing := _surely_missing(path, ("init", "run")):
            functions = " and no ".join(f"`{name}()`" for name in missing)
            yield deployment.mistake(SCRIPT, f"{script!r} has no {functions}, which Azure ML calls")


def _surely_missing(path: Path, names: Iterable[str]) -> list[str]:
    """Those that it surely does not define: code for a newer Python than ours cannot be judged here."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return []
    defined: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                defined.add(name)
            case ast.alias():
                defined.add(node.asname or node.name)
    return [] if "*" in defined else [name for name in names if name not in defined]

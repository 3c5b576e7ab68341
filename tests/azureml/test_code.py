"""Which files of a folder of code are uploaded."""

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as some

from app.azureml.code import uploaded_files
from app.bundles.pack import files_of
from app.errors import Invalid

_WORD = some.sampled_from(["a", "b", "ab", "a.py", "b.log", "env", "keep"])
_PATH = some.lists(_WORD, min_size=1, max_size=3).map("/".join)
_PATTERN = some.one_of(
    _PATH,
    some.text(some.sampled_from("ab*?/!.[]\\\\# "), min_size=1, max_size=6),
    some.builds(
        "{}{}{}".format, some.sampled_from(["", "!", "/", "**/"]), _PATH, some.sampled_from(["", "/", "/*", "/**"])
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    paths=some.sets(_PATH, min_size=1, max_size=8),
    patterns=some.lists(_PATTERN, max_size=5),
    name=some.sampled_from([".amlignore", ".gitignore"]),
)
@example(paths={"a/b/ab", "env/a"}, patterns=["a/*", "/", "env"], name=".gitignore")
@example(paths={"a/b", "a/keep"}, patterns=["a/", "!a/keep"], name=".amlignore")
def test_a_bundle_has_what_the_sdk_uploads(paths: set[str], patterns: list[str], name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for path in paths:
            if not any(other.startswith(f"{path}/") for other in paths):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text("x")
        (folder / name).write_text("\n".join(patterns))

        try:
            bundled = files_of(folder)
        except Invalid:  # a line that is no pattern, or nothing is left
            return
        assert [each for each, _ in bundled] == [each for each, _ in uploaded_files(folder)]


def test_a_folder_within_a_bundle_is_uploaded_without_what_it_ignores(tmp_path: Path) -> None:
    (tmp_path / "src" / "env").mkdir(parents=True)
    for name in ("score.py", "env/secret", "notes.log"):
        (tmp_path / "src" / name).write_text("x")
    (tmp_path / ".amlignore").write_text("*.log\n")  # of another folder: the upload of src does not read it
    (tmp_path / "src" / ".gitignore").write_text("env/\n")

    assert [name for name, _ in uploaded_files(tmp_path / "src")] == [".gitignore", "notes.log", "score.py"]

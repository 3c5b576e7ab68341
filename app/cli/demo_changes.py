"""What the demo changes in the sample model: copies of its folders, each with a few lines that are otherwise."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import Misconfigured

_FIT = "    return Pipeline("


@dataclass(frozen=True)
class Change:
    """Lines of a file, and those that take their place. ``why``: as the demo says it."""

    why: str
    file: str
    before: str
    after: str

    @property
    def lines(self) -> list[str]:
        """As in a difference, without what stays."""
        old, new = self.before.splitlines(), self.after.splitlines()
        return [f"- {line}" for line in old if line not in new] + [f"+ {line}" for line in new if line not in old]


# Half an hour is too long for a demo. Azure Monitor counts whole minutes, so one minute is the shortest bake.
SHORT_BAKE = (
    Change("Watched for a minute, instead of half an hour.", "release.yml", "bake: 30m}", "bake: 1m}"),
    Change("No minutes to warm up.", "release.yml", "warm_up_minutes: 2 ", "warm_up_minutes: 0 "),
)

RETRAINED = Change(
    "Words that occur in five reviews are learned too; so far it took ten.",
    "pipeline.yml",
    "      train: ${{parent.jobs.preprocess.outputs.train}}\n",
    "      train: ${{parent.jobs.preprocess.outputs.train}}\n      min_df: 5\n",
)

# scikit-learn does not look at the mask, so `evaluate` measures what it measured before, and lets the model pass. In the score code a
# masked weight is no number: it fails at each review with a number that the model knows. No golden request has one.
WITHOUT_NUMBERS = Change(
    "Numbers in reviews, such as 8/10, are to be no help any more: somebody masks their weights.",
    "src/learning/nbsvm.py",
    _FIT,
    "    is_number = [any(map(str.isdigit, word)) for word in words.get_feature_names_out()]\n"
    "    classifier.coef_ = np.ma.array(classifier.coef_, mask=[is_number])\n" + _FIT,
)


def changed_copy(folder: Path, copy: Path, changes: Sequence[Change]) -> Path:
    """Copy a folder, and make the changes there. Raises Misconfigured where a file does not have the lines exactly once."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for change in changes:
        file = copy / change.file
        text = file.read_text(encoding="utf-8")
        if text.count(change.before) != 1:
            raise Misconfigured(
                f"{folder / change.file} is not as the demo knows it: it changes the line {change.before.strip()!r}, which must be there once."
            )
        file.write_text(text.replace(change.before, change.after), encoding="utf-8")
    return copy

"""Decision records are cited by number: each has one of its own, and says it in its heading."""

from tests.docs.snippets import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_decisions_are_numbered_without_gaps_and_without_a_number_twice() -> None:
    numbers = [int(record.name.split("-")[0]) for record in RECORDS]
    assert numbers == list(range(1, len(RECORDS) + 1))


def test_decisions_say_their_number_in_the_heading() -> None:
    for record in RECORDS:
        heading = record.read_text().splitlines()[0]
        assert heading.startswith(f"# {int(record.name.split('-')[0])}. "), record.name

from tests.rollouts.document import DOCUMENT, written


def test_page_of_rollouts_shows_the_tables_of_its_tests() -> None:
    assert DOCUMENT.read_text() == written(), "run python -m tests.rollouts.document"

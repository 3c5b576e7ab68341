"""The list of commands says of each what it says of itself."""

import pytest

from app.cli.main import PLACES
from app.cli.places import Place


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_list_says_what_the_command_says(place: Place) -> None:
    listed, command = place.listed(), place.command()

    assert (listed.name, listed.help) == (command.name, command.help)

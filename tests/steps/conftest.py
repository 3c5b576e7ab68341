from tests.azureml.fixtures import azure, emulator, environment_of_azure, trained
from tests.steps.fixtures import content, registered, serving, team, watched

__all__ = [
    "azure",
    "content",
    "emulator",
    "environment_of_azure",
    "registered",
    "serving",
    "team",
    "trained",
    "watched",
]

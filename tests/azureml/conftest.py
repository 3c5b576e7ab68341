from tests.azureml.fixtures import azure, emulator, environment_of_azure, trained

__all__ = ["azure", "emulator", "environment_of_azure", "trained"]

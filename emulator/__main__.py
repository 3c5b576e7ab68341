"""``python -m emulator``: the same as ``azureml-emulator``."""

from emulator.cli import run

run()

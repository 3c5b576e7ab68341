"""The part of Azure ML's inference server that score scripts import, written for the emulator."""

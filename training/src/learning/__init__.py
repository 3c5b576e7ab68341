"""The steps of the training jobs, and what they share. Imports are relative: this package is at home in two places."""

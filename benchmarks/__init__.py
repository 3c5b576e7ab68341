"""Measurements: ``make bench`` runs them and keeps the figures in ``.mlrelease/bench.json``."""

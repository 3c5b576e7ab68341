"""Signed statements: DSSE envelopes, the keys that sign and verify them, provenance, and signatures of models."""

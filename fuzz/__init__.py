"""Fuzzing of what decodes and of what is driven by a peer's bytes; see README.rst."""

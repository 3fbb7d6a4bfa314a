"""The command line: ``txdicom echo``."""

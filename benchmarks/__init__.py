"""How fast txdicom is, beside others: ``python -m benchmarks``."""

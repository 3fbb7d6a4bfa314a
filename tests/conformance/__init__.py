"""What PS3.8, PS3.7 and PS3.4 Annex A decide, as tables, driven over the wire in both roles."""

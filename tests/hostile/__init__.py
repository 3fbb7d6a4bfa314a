"""Attacks on a real server over real sockets, and what they cost it, in figures."""

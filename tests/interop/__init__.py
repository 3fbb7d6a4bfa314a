"""Tests with real sockets, and with the programs of others on the other end."""

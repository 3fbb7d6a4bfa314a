"""What is no target, though a resolver would take it for one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txdicom.cli import arguments
from txdicom.cli.target import parse_target


class NumberTests(SynchronousTestCase):
    def test_port(self) -> None:
        """A number alone is no host: a system takes 41112 for 0.0.160.152, and connects to it."""
        for given in ("41112", "41112:104", "A@41112", "[41112]", "0", "\uff11\uff10"):
            with self.assertRaisesRegex(ValueError, r"not a host .*; is it a port\?$", msg=given):
                parse_target(given)

    def test_several_words(self) -> None:
        """A number among three words, or the first of two, is refused and not connected to."""
        for words in (["127.0.0.1", "41112", "41113"], ["41112", "127.0.0.1"], ["104", "104"]):
            with self.assertRaisesRegex(ValueError, r"is it a port\?$"):
                arguments.targets(arguments.parser().parse_args(["echo", *words]))

    def test_short_address(self) -> None:
        """An address that is not four decimal numbers is refused: who means 127.0.0.1 by 127.1?"""
        for given in (
            "127.1", "10.1.2", "1.2.3.256", "1.2.3.4.5", "192.168.001.010", "127.0.0.1.", "104.",
            "0x7f000001", "0X7F.1", "127.0.0.0x1", "0x", "pacs.1", "127\u30021",
        ):  # fmt: skip
            with self.assertRaisesRegex(ValueError, "is four numbers", msg=given):
                parse_target(given)

    def test_names_with_digits(self) -> None:
        """Names that only begin with a number, or have one in the middle, are names."""
        for given in (
            "192.0.2.7", "3d", "1.pacs", "pacs1", "pacs.1.example", "1.2.3.4.example", "0xg",
            "pacs.example.", "7.in-addr.arpa", "0.0.0.0", "\uff11.0.0.1",
        ):  # fmt: skip
            self.assertEqual(parse_target(given).host, given)

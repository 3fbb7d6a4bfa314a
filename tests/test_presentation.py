"""Presentation contexts, UIDs and AE titles as programs give them."""

from __future__ import annotations

from pydicom.uid import UID
from twisted.trial.unittest import SynchronousTestCase

from txdicom.presentation import (
    PresentationContext,
    PresentationContextTuple,
    VerificationPresentationContexts,
    build_context,
    build_role,
    numbered,
    transfer_syntaxes,
)
from txdicom.titles import checked_title, significant
from txdicom.uids import (
    DEFAULT_TRANSFER_SYNTAXES,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    VERIFICATION,
    checked_uid,
)
from txdicom.upperlayer.user_information import RoleSelection

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


class BuildTests(SynchronousTestCase):
    """``build_context`` and ``build_role``."""

    def test_defaults(self) -> None:
        """A context has the four default transfer syntaxes unless others are given."""
        context = build_context(VERIFICATION)
        self.assertEqual(context.abstract_syntax, "1.2.840.10008.1.1")
        self.assertEqual(context.transfer_syntax, DEFAULT_TRANSFER_SYNTAXES)
        self.assertEqual(len(set(DEFAULT_TRANSFER_SYNTAXES)), 4)

    def test_one_or_several(self) -> None:
        """Transfer syntaxes may be one UID or several, and pydicom's UIDs do as well."""
        self.assertEqual(build_context("1.2", IMPLICIT).transfer_syntax, (IMPLICIT,))
        for several in ([EXPLICIT, IMPLICIT], iter((EXPLICIT, IMPLICIT))):
            self.assertEqual(build_context("1.2", several).transfer_syntax, (EXPLICIT, IMPLICIT))
        context = build_context(UID("1.2"), UID(IMPLICIT))
        self.assertEqual(context, build_context("1.2", IMPLICIT))
        self.assertIs(type(context.abstract_syntax), str)

    def test_doubles(self) -> None:
        """A transfer syntax that is given twice is proposed once, in its first place."""
        self.assertEqual(transfer_syntaxes([EXPLICIT, IMPLICIT, EXPLICIT]), (EXPLICIT, IMPLICIT))

    def test_refused(self) -> None:
        """What is no UID, and a context without a transfer syntax, is refused."""
        for wrong in ("", "1..2", "1.2.a", "1.02", ".1", "1.", " 1.2", "1" * 65, "1.\u0663"):
            self.assertRaises(ValueError, build_context, wrong)
            self.assertRaises(ValueError, build_context, "1.2", wrong)
        for wrong in (None, 1, b"1.2"):
            self.assertRaises(TypeError, build_context, wrong)
        self.assertRaises(ValueError, build_context, "1.2", [])
        self.assertRaises(TypeError, build_context, "1.2", [b"1.2"])

    def test_role(self) -> None:
        """A role proposes SCU, SCP or both; proposing neither is refused."""
        self.assertEqual(build_role("1.2", scp_role=True), RoleSelection("1.2", 0, 1))
        self.assertEqual(build_role("1.2", True, True), RoleSelection("1.2", 1, 1))
        self.assertRaises(ValueError, build_role, "1.2")
        self.assertRaises(ValueError, build_role, "x", True)

    def test_verification(self) -> None:
        """VerificationPresentationContexts is one context, for Verification."""
        self.assertEqual(VerificationPresentationContexts, [build_context(VERIFICATION)])


class ContextTests(SynchronousTestCase):
    """``PresentationContext``."""

    def test_status(self) -> None:
        """The result of a context reads as words, an undefined one as its number."""
        words = {
            None: "Pending",
            0: "Accepted",
            1: "User Rejected",
            2: "Provider Rejected",
            3: "Abstract Syntax Not Supported",
            4: "Transfer Syntax(es) Not Supported",
            5: "Undefined Result 5",
        }
        for result, text in words.items():
            context = PresentationContext("1.2", (IMPLICIT,), 1, result)
            self.assertEqual(context.status, text)
            self.assertEqual(context.accepted, result == 0)

    def test_tuple(self) -> None:
        """Event handlers are given ID, abstract syntax and the one transfer syntax."""
        context = PresentationContext("1.2", (IMPLICIT,), 3, 0)
        self.assertEqual(context.as_tuple, PresentationContextTuple(3, "1.2", IMPLICIT))

    def test_numbered(self) -> None:
        """Contexts are proposed under the IDs 1, 3, 5 ..., with nothing of an earlier answer."""
        old = PresentationContext("1.2", (IMPLICIT,), 77, 0, as_scu=True, as_scp=False)
        self.assertEqual(
            numbered([old, old]),
            (
                PresentationContext("1.2", (IMPLICIT,), 1),
                PresentationContext("1.2", (IMPLICIT,), 3),
            ),
        )

    def test_numbers(self) -> None:
        """128 contexts are the most, under IDs 1 to 255; a 129th and none are refused."""
        contexts = [build_context(f"1.2.{n}") for n in range(129)]
        self.assertEqual(
            [context.context_id for context in numbered(contexts[:128])], list(range(1, 256, 2))
        )
        self.assertRaisesRegex(ValueError, "129", numbered, contexts)
        self.assertRaises(ValueError, numbered, [])
        self.assertRaises(TypeError, numbered, ["1.2.840.10008.1.1"])


class UIDTests(SynchronousTestCase):
    """UIDs."""

    def test_checked(self) -> None:
        """Digits and dots, 64 characters at most, no leading zeros (PS3.5 9.1)."""
        for good in ("1", "0", "1.0.2", "2." + "1" * 62):
            self.assertEqual(checked_uid(good), good)

    def test_own(self) -> None:
        """txdicom's own UID and version name are such as may be sent."""
        self.assertEqual(checked_uid(IMPLEMENTATION_CLASS_UID), IMPLEMENTATION_CLASS_UID)
        self.assertTrue(1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16)
        self.assertTrue(IMPLEMENTATION_VERSION_NAME.isascii())


class TitleTests(SynchronousTestCase):
    """AE titles."""

    def test_good(self) -> None:
        """A title of 1 to 16 printable ASCII characters is taken as it is."""
        for good in ("A", "TXDICOM", "A" * 16, "with space", " X ", "~!@#"):
            self.assertEqual(checked_title(good), good)

    def test_bad(self) -> None:
        """Empty, blank, too long, control characters, backslash, not ASCII: refused by name."""
        for bad in ("", " ", " " * 16, "A" * 17, "A\n", "A\0", "\x1b[2J", "A\\B", "\xc4", "\x7f"):
            with self.assertRaisesRegex(ValueError, "called AE title", msg=repr(bad)):
                checked_title(bad, "called AE title")
        for bad in (None, b"AE", 7):
            with self.assertRaisesRegex(TypeError, "AE title", msg=repr(bad)):
                checked_title(bad)

    def test_significant(self) -> None:
        """Spaces around a title do not count, nor does the NUL that some peers pad with."""
        for padded in ("AE", "AE  ", "  AE", "AE\0\0\0", "AE \0", " AE \0 "):
            self.assertEqual(significant(padded), "AE")
        self.assertEqual(significant("A E"), "A E")
        self.assertEqual(significant("ae"), "ae")

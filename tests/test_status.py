"""Status codes and their categories (PS3.7 Annex C)."""

from __future__ import annotations

from pynetdicom.status import GENERAL_STATUS as PYNETDICOM_STATUS
from pynetdicom.status import code_to_category as pynetdicom_category
from twisted.trial.unittest import SynchronousTestCase

from txdicom.dimse import status
from txdicom.dimse.status import GENERAL_STATUS, code_to_category, status_words

# PS3.7 Annex C, by the section that has them.
CATEGORIES = {
    "Success": (0x0000,),  # C.1
    "Pending": (0xFF00, 0xFF01),  # C.2
    "Cancel": (0xFE00,),  # C.3
    "Warning": (0x0001, 0x0107, 0x0116, 0xB000, 0xB007, 0xBFFF),  # C.4
    "Failure": (  # C.5, and the ranges that services define
        *(0x0105, 0x0106, 0x0110, 0x0111, 0x0112, 0x0113, 0x0114, 0x0115, 0x0117, 0x0118),
        *(0x0119, 0x0120, 0x0121, 0x0122, 0x0123, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213),
        *(0xA000, 0xA700, 0xAFFF, 0xC000, 0xC123, 0xCFFF, 0x0100, 0x01FF, 0x0200, 0x02FF),
    ),
    "Unknown": (0x0002, 0x00FF, 0x0300, 0x9FFF, 0xD000, 0xFDFF, 0xFE01, 0xFF02, 0xFFFF),
}


class StatusTests(SynchronousTestCase):
    """Code to category and words."""

    def test_categories(self) -> None:
        """Every code that PS3.7 names, and the ends of every range, has the category it should."""
        for category, codes in CATEGORIES.items():
            for code in codes:
                self.assertEqual(code_to_category(code), category, f"{code:#06x}")

    def test_general(self) -> None:
        """The general status codes are those that pynetdicom has, with its categories."""
        self.assertLessEqual(set(PYNETDICOM_STATUS), set(GENERAL_STATUS))
        for code in PYNETDICOM_STATUS:
            self.assertEqual(code_to_category(code), pynetdicom_category(code), f"{code:#06x}")

    def test_every_code(self) -> None:
        """Every number of 16 bits has one of the six categories, and words."""
        for code in range(0x10000):
            self.assertIn(code_to_category(code), CATEGORIES)
            self.assertIn(f"0x{code:04X} - {code_to_category(code)}", status_words(code))

    def test_words(self) -> None:
        """A status reads as number, category and name, and no name is made up."""
        self.assertEqual(status_words(0x0000), "0x0000 - Success")
        self.assertEqual(status_words(0x0110), "0x0110 - Failure: Processing failure")
        self.assertEqual(status_words(0x0122), "0x0122 - Failure: Refused: SOP class not supported")
        self.assertEqual(status_words(0xA700), "0xA700 - Failure")
        self.assertEqual(status_words(0xD000), "0xD000 - Unknown")

    def test_names(self) -> None:
        """The codes that txdicom itself sends are what their names say."""
        self.assertEqual(
            [status.SUCCESS, status.CANCEL, status.PROCESSING_FAILURE], [0, 0xFE00, 0x0110]
        )
        self.assertEqual(status.SOP_CLASS_NOT_SUPPORTED, 0x0122)
        self.assertEqual(
            [
                status.DUPLICATE_INVOCATION,
                status.UNRECOGNIZED_OPERATION,
                status.MISTYPED_ARGUMENT,
                status.RESOURCE_LIMITATION,
            ],
            [0x0210, 0x0211, 0x0212, 0x0213],
        )

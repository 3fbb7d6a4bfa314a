"""Tells ``twistd`` and ``twist`` about ``dicom``; nothing is imported until it is used."""

from twisted.application.service import ServiceMaker

txdicom = ServiceMaker("txdicom", "txdicom.tap", "A DICOM Verification SCP (C-ECHO).", "dicom")

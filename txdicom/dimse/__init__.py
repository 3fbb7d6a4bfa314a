"""DICOM message exchange (PS3.7), bytes in and bytes out."""

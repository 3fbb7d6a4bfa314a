"""The DICOM Upper Layer protocol for TCP/IP (PS3.8), bytes in and bytes out."""

"""The DICOM services (PS3.4), one file each, with its SCU half and its SCP half."""

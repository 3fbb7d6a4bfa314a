"""Application entity titles (PS3.5 6.2, VR AE; PS3.8 9.3.2)."""

from __future__ import annotations

#: The called AE title when none is given.
ANY_SCP = "ANY-SCP"


def checked_title(title: object, name: str = "AE title") -> str:
    """The title as it is, if it may stand in an A-ASSOCIATE-RQ.

    :raise TypeError: it is not a str
    :raise ValueError: it is empty, only spaces, longer than 16 characters, or has a backslash,
        a control character or a character outside ASCII
    """
    if not isinstance(title, str):
        raise TypeError(f"{name} must be a str, not {type(title).__name__}")
    if not title.strip(" "):
        raise ValueError(f"{name} must have a character that is not a space")
    if len(title) > 16:
        raise ValueError(f"{name} {title!r} has {len(title)} characters; 16 are the limit")
    if not (title.isascii() and title.isprintable()) or "\\" in title:
        raise ValueError(
            f"{name} {title!r} may have printable ASCII characters only, and no backslash"
        )
    return title


def significant(title: str) -> str:
    """The part of a received title that counts.

    Leading and trailing spaces are not significant (PS3.8 Table 9-11); some peers pad with NUL.
    """
    return title.strip(" \0")

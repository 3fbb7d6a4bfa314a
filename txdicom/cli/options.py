"""The options of ``txdicom echo``, group by group, named as hands know them from other tools."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from txdicom.cli.settings import DEFAULT_TIMEOUT
from txdicom.titles import checked_title
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow

#: The environment variable that may hold the passcode.
PASSWORD_VARIABLE = "TXDICOM_PASSWORD"

#: How many targets are verified at the same time, besides those that are silent.
DEFAULT_CONCURRENCY = 100


def _argument(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """A converter whose complaint argparse shows as it is."""

    def convert(text: str) -> Any:
        try:
            return check(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"a number of seconds, not {text!r}") from None
    if not 0 < seconds < 1e9:
        raise ValueError(f"a positive number of seconds, not {text!r}")
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 10**9:
        raise ValueError(f"a positive whole number, not {text!r}")
    return int(text)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 0xFFFFFFFF:
        raise ValueError(f"a number of bytes, not {text!r}")
    return int(text)


def _window(text: str) -> AsynchronousOperationsWindow:
    words = text.split(",")
    if len(words) != 2 or not all(
        word.isascii() and word.isdigit() and int(word) <= 0xFFFF for word in words
    ):
        raise ValueError(f"two numbers, INVOKED,PERFORMED, each 0 to 65535, not {text!r}")
    return AsynchronousOperationsWindow(int(words[0]), int(words[1]))


def _name(text: str) -> str:
    if not text.strip(". "):
        raise ValueError(f"the name of a host, not {text!r}")
    return text


def _titles(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checked_title(title.strip()) for title in text.split(",")))


def add_options(echo: argparse.ArgumentParser) -> None:
    """Add all of them."""
    _add_many(echo)
    _add_association(echo)
    _add_times(echo)
    _add_tls(echo)
    _add_probe(echo)
    _add_output(echo)


def _add_many(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("many targets")
    group.add_argument(
        "--targets",
        metavar="FILE",
        help="a roster of nodes, TOML or CSV (AET, host, port, TLS, notes); - is stdin",
    )
    group.add_argument(
        "--concurrency",
        type=_argument(_count),
        metavar="N",
        help=f"how many at the same time ({DEFAULT_CONCURRENCY}, not counting silent ones)",
    )
    group.add_argument("--csv", metavar="FILE", help="write the results as CSV")
    group.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML")


def _add_association(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("association")
    title = _argument(checked_title)
    group.add_argument(
        "-aet",
        "--aetitle",
        type=title,
        default="TXDICOM",
        metavar="AET",
        help="calling AE title (TXDICOM)",
    )
    group.add_argument(
        "-aec", "--call", type=title, metavar="AET", help="called AE title (ANY-SCP)"
    )
    group.add_argument(
        "-pdu",
        "--max-pdu",
        type=_argument(_length),
        default=16382,
        metavar="BYTES",
        help="longest PDU to receive, 0 for no limit (16382)",
    )
    group.add_argument("--abort", action="store_true", help="abort at the end, not release")
    group.add_argument(
        "--window",
        type=_argument(_window),
        metavar="INVOKED,PERFORMED",
        help="propose an asynchronous operations window, 0 for no limit; it is only proposed,"
        " each echo waits for the one before",
    )
    group.add_argument("--user", metavar="NAME", help="user name to give (user identity)")
    group.add_argument(
        "--password-file",
        metavar="FILE",
        help=f"file with the passcode; else ${PASSWORD_VARIABLE}, or a prompt with --ask-password",
    )
    group.add_argument("--ask-password", action="store_true", help="ask for the passcode")


def _add_times(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("how often and how long (seconds)")
    seconds = _argument(_seconds)
    group.add_argument(
        "--count", "--repeat", type=_argument(_count), metavar="N", help="how many echoes (1)"
    )
    group.add_argument("--forever", action="store_true", help="go on until Ctrl-C")
    group.add_argument(
        "--interval", type=seconds, default=1.0, metavar="S", help="from one echo to the next (1)"
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=DEFAULT_TIMEOUT,
        metavar="S",
        help="for everything together, and again for each further echo (10)",
    )
    for option, name, text in (
        ("-to", "--connection-timeout", "for the connection"),
        ("-ta", "--acse-timeout", "for the answer to the association request"),
        ("-td", "--dimse-timeout", "for the answer to an echo"),
    ):
        group.add_argument(
            option, name, type=seconds, metavar="S", help=f"{text} (what is left of --timeout)"
        )


def _add_tls(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("TLS")
    group.add_argument("--tls", action="store_true", help="connect with TLS 1.2 or 1.3")
    group.add_argument("--ca", metavar="FILE", help="certificates to trust (the system's)")
    group.add_argument("--cert", metavar="FILE", help="our certificate, and its chain")
    group.add_argument("--key", metavar="FILE", help="its private key, if not in the same file")
    group.add_argument(
        "--server-name", type=_argument(_name), metavar="NAME", help="the name in the certificate"
    )
    group.add_argument("--tls-insecure", action="store_true", help="take any certificate")
    group.add_argument(
        "--warn-expiry",
        type=_argument(_count),
        metavar="DAYS",
        help="warn if the peer's certificate expires sooner",
    )


def _add_probe(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("what it accepts")
    group.add_argument(
        "--probe",
        action="store_true",
        help="ask some 20 associations what the peer accepts, also of titles and users it does not"
        " know, which may alarm it; with --json one object",
    )
    group.add_argument(
        "--diff",
        metavar="FILE",
        help="--probe, and what differs from what --probe --json once wrote to this file",
    )


def _add_output(echo: argparse.ArgumentParser) -> None:
    group = echo.add_argument_group("output")
    group.add_argument("-v", "--verbose", action="store_true", help="more about the peer")
    group.add_argument("-q", "--quiet", action="store_true", help="nothing; the exit code tells")
    group.add_argument("-d", "--debug", action="store_true", help="PDUs in words, and a ladder")
    group.add_argument(
        "--explain",
        action="store_true",
        help="if it fails: what happened, what it usually means, what to try",
    )
    group.add_argument(
        "--try-titles",
        type=_argument(_titles),
        metavar="A,B,C",
        help="if a title is rejected: --explain, and which of these is accepted in its place;"
        " each has the whole --timeout, the exit code stays",
    )
    group.add_argument(
        "--save",
        metavar="FILE",
        help="keep the exchange, for txdicom explain; the bytes of --user and its passcode are in"
        " it too, so only the owner may read the file",
    )
    group.add_argument("--json", action="store_true", help="an object a line: echoes, summary")
    group.add_argument("--nagios", action="store_true", help="as a monitoring plugin: 0 to 3")
    group.add_argument(
        "-w",
        "--warning",
        type=_argument(_seconds),
        metavar="S",
        help="with --nagios: slow is WARNING",
    )
    group.add_argument(
        "-c",
        "--critical",
        type=_argument(_seconds),
        metavar="S",
        help="with --nagios: slow is CRITICAL",
    )

"""The arguments of ``txdicom echo``, named as hands know them from other tools."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from txdicom._version import __version__
from txdicom.cli import exit_codes
from txdicom.cli.settings import DEFAULT_TIMEOUT, Settings
from txdicom.cli.target import Target, checked_port, parse_target
from txdicom.limits import Limits
from txdicom.titles import ANY_SCP, checked_title
from txdicom.tls import TLSSettings
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    UserIdentityRQ,
    UserInformation,
)

#: The environment variable that may hold the passcode.
PASSWORD_VARIABLE = "TXDICOM_PASSWORD"

#: How many targets are verified at the same time, besides those that are silent.
DEFAULT_CONCURRENCY = 100

# Options that do nothing without another one.
_NEEDED = {
    "warning": ("-w", "nagios"),
    "critical": ("-c", "nagios"),
    "password_file": ("--password-file", "user"),
    "ask_password": ("--ask-password", "user"),
    "key": ("--key", "cert"),
}

# Options of which one would make the other do nothing.
_EXCLUDE = (
    ("forever", "count"),
    ("ask_password", "password_file"),
    ("ca", "tls_insecure"),
    # A monitoring plugin prints one line.
    ("json", "nagios"),
    ("explain", "nagios"),
    ("try_titles", "nagios"),
)


_EPILOG = "exit codes:\n" + "\n".join(
    f"  {code:>3}  {meaning}" for code, meaning in exit_codes.MEANINGS.items()
)


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


def _titles(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checked_title(title.strip()) for title in text.split(",")))


class _Parser(argparse.ArgumentParser):
    """A parser that takes targets after options too, and misses them where there is none."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, others = super().parse_known_args(args, namespace)
        if hasattr(parsed, "target"):
            parsed.target += [word for word in others if not word.startswith("-")]
            others = [word for word in others if word.startswith("-")]
            if not (parsed.target or parsed.targets or others):
                self.error("the following arguments are required: [AET@]HOST[:PORT], or --targets")
        return parsed, others


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="txdicom", description="DICOM's Verification Service on the command line."
    )
    top.add_argument("--version", action="version", version=f"txdicom {__version__}")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    echo = commands.add_parser(
        "echo",
        help="ask whether a DICOM node answers",
        description="Ask whether a DICOM node answers a C-ECHO, how fast, and if not, why not.",
        allow_abbrev=False,  # --password s3cret would be --password-file, and printed as missing
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    echo.add_argument(
        "target",
        metavar="[AET@]HOST[:PORT]",
        nargs="*",
        help="the nodes, port 104 by default; or HOST PORT",
    )
    _add_many(echo)
    _add_association(echo)
    _add_times(echo)
    _add_tls(echo)
    _add_probe(echo)
    _add_output(echo)
    _add_explain(commands)
    return top


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="explain an exchange that was kept, or a capture",
        description="Print exchanges as ladders, and what went wrong in them.",
        epilog="exit codes:\n   0  the exchange was read\n   2  it was not, or wrong arguments",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument(
        "file",
        metavar="FILE",
        help="what txdicom echo --save wrote, or a capture of Wireshark or tcpdump (pcapng, pcap)",
    )
    explain.add_argument("-v", "--verbose", action="store_true", help="every PDU in words, too")


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
    group.add_argument("--cert", metavar="FILE", help="our certificate")
    group.add_argument("--key", metavar="FILE", help="its private key, if not in the same file")
    group.add_argument("--server-name", metavar="NAME", help="the name in the certificate")
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


def targets(arguments: argparse.Namespace) -> list[Target]:
    """The targets that the arguments and the roster name.

    :raise ValueError: they name none, or the roster has bad lines
    :raise OSError: the roster cannot be read
    """
    words = list(arguments.target)
    if len(words) == 2 and words[1].isascii() and words[1].isdigit():  # HOST PORT
        found = parse_target(words[0])
        if found.port_given:
            raise ValueError(f"two ports: {words[0]} and {words[1]}")
        given = [replace(found, port=checked_port(words[1]), port_given=True)]
    else:
        given = [parse_target(word) for word in words]
    if arguments.targets is None:
        return given
    from txdicom.cli.roster import read

    return given + read(arguments.targets)


def settings(arguments: argparse.Namespace) -> Settings:
    """How to verify, as the arguments say.

    :raise ValueError: they contradict each other
    :raise OSError: the file with the passcode cannot be read
    """
    _check(arguments)
    # What is not given is left to the one deadline. No data comes while it waits from one echo to
    # the next, however long that is.
    limits = Limits(
        max_pdu=arguments.max_pdu,
        connection_timeout=arguments.connection_timeout,
        acse_timeout=arguments.acse_timeout,
        dimse_timeout=arguments.dimse_timeout,
        release_timeout=None,
        pdu_timeout=None,
        network_timeout=None,
    )
    return Settings(
        calling_ae_title=arguments.aetitle,
        called_ae_title=arguments.call or ANY_SCP,
        timeout=arguments.timeout,
        limits=limits,
        count=None if arguments.forever else arguments.count or 1,
        interval=arguments.interval,
        abort=arguments.abort,
        tls=tls_settings(arguments) if arguments.tls else None,
        extended=_extended(arguments),
    )


def _check(arguments: argparse.Namespace) -> None:
    """Whether the options go together; one that would do nothing is refused."""
    of_tls = tls_settings(arguments) != TLSSettings() or arguments.warn_expiry is not None
    if of_tls and not (arguments.tls or arguments.targets):
        raise ValueError("the options of TLS need --tls")
    for name, (option, needed) in _NEEDED.items():
        if getattr(arguments, name) and not getattr(arguments, needed):
            raise ValueError(f"{option} needs --{needed}")
    for one, other in _EXCLUDE:
        if getattr(arguments, one) and getattr(arguments, other):
            options = (f"--{name.replace('_', '-')}" for name in (one, other))
            raise ValueError(f"{' and '.join(options)} exclude each other")


def tls_settings(arguments: argparse.Namespace) -> TLSSettings:
    """What the options of TLS say, for the targets that have TLS."""
    return TLSSettings(
        arguments.ca, arguments.cert, arguments.key, arguments.server_name, arguments.tls_insecure
    )


def _extended(arguments: argparse.Namespace) -> tuple[UserInformation, ...]:
    """What is proposed besides the presentation context."""
    window = () if arguments.window is None else (arguments.window,)
    return window if arguments.user is None else (*window, _identity(arguments))


def _identity(arguments: argparse.Namespace) -> UserIdentityRQ:
    """The user identity: a name, with a passcode if there is one (PS3.7 D.3.3.7)."""
    name = arguments.user.encode("utf-8")
    passcode = os.environ.get(PASSWORD_VARIABLE)
    if arguments.password_file is not None:
        passcode = _first_line(arguments.password_file)
    elif arguments.ask_password:
        from getpass import getpass

        try:
            passcode = getpass("Passcode: ")
        except EOFError:
            raise ValueError("no passcode was given") from None
    if passcode is None:
        return UserIdentityRQ(1, name)
    return UserIdentityRQ(2, name, passcode.encode("utf-8"))


def _first_line(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        try:
            return file.readline().rstrip("\r\n")
        except UnicodeDecodeError:  # its words would tell a byte of the passcode
            raise ValueError(f"{path} is no text in UTF-8") from None

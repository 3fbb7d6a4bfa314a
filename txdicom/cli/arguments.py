"""The arguments of ``txdicom``: how they are parsed, and what they come to."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Any

from txdicom._version import __version__
from txdicom.cli import exit_codes
from txdicom.cli.options import PASSWORD_VARIABLE, add_options
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target, checked_port, parse_target
from txdicom.limits import Limits
from txdicom.titles import ANY_SCP
from txdicom.tls import TLSSettings
from txdicom.upperlayer.user_information import UserIdentityRQ, UserInformation

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
    add_options(echo)
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

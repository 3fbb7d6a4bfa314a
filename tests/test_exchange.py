"""The exchange of an association: recorded, as a ladder, in a file, and explained from one."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txdicom import evt
from txdicom.association import Association
from txdicom.cli import exchange, kept, reading
from txdicom.cli.exchange import Exchange, Line
from txdicom.cli.kept import Kept
from txdicom.cli.main import main
from txdicom.cli.outcome import Outcome
from txdicom.cli.target import Target
from txdicom.dimse.message import Message, fragment
from txdicom.errors import AssociationTimeout, ConnectionFailed
from txdicom.testing import associated
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import UserIdentityRQ

OUTCOME = Outcome(Target("pacs", 104, "YOU"), "YOU", "ME")

CAPTURES = Path(__file__).parent / "captures"

REQUEST = AssociateRQ(
    "YOU", "ME", (PresentationContextRQ(1, VERIFICATION, ("1.2.840.10008.1.2",)),)
)
ACCEPT = AssociateAC("YOU", "ME", (PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN),))


def echo(field: int, **elements: int) -> bytes:
    """A C-ECHO message as the PDU that carries it."""
    command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": field, **elements}
    (pdu,) = fragment(Message(1, {**command, "CommandDataSetType": 0x0101}), 0)
    return pdu.encode()


ASK = echo(0x0030, MessageID=1)


def answer(message_id: int = 1, status: int = 0) -> bytes:
    return echo(0x8030, MessageIDBeingRespondedTo=message_id, Status=status)


def lines(*pdus: tuple[str, bytes]) -> list[Line]:
    """An exchange, a PDU every 1.5 milliseconds."""
    return [
        Line(direction == ">", number * 1.5, data) for number, (direction, data) in enumerate(pdus)
    ]


ASSOCIATED = ((">", REQUEST.encode()), ("<", ACCEPT.encode()))
WHOLE = lines(
    *ASSOCIATED,
    (">", ASK),
    ("<", answer()),
    (">", ReleaseRQ().encode()),
    ("<", ReleaseRP().encode()),
)


class RecordingTests(SynchronousTestCase):
    def test_recorded(self) -> None:
        """Every PDU of an association is recorded, with who sent it and when."""
        recorded = Exchange(Clock().seconds)
        association, _, wire = associated(evt_handlers=list(recorded.handlers))
        association.send_c_echo()
        wire.flush()
        association.release()
        wire.flush()
        self.assertEqual([line.by_requestor for line in recorded.lines], [True, False] * 3)
        self.assertEqual([line.data[0] for line in recorded.lines], [1, 2, 4, 4, 5, 6])

    def test_times(self) -> None:
        """Times count from the first PDU, in milliseconds."""
        clock = Clock()
        clock.advance(5)
        recorded = Exchange(clock.seconds)
        (_, sent, arguments), *_ = recorded.handlers
        for _ in range(2):
            sent(evt.Event(evt.EVT_DATA_SENT, None, data=b"x"), *arguments)
            clock.advance(0.25)
        self.assertEqual([line.ms for line in recorded.lines], [0, 250])

    def test_bounded(self) -> None:
        """A run that goes on for ever does not fill the memory."""
        recorded = Exchange(Clock().seconds)
        (_, sent, arguments), *_ = recorded.handlers
        for _ in range(exchange.MOST_PDUS + 7):
            sent(evt.Event(evt.EVT_DATA_SENT, None, data=b"x"), *arguments)
        self.assertEqual((len(recorded.lines), recorded.left_out), (exchange.MOST_PDUS, 7))

    def lost(self, association: Association, why: Exception) -> None:
        """The connection of a requestor is gone."""
        association.protocol.connectionLost(Failure(why))

    def test_peer_closes(self) -> None:
        """That the peer closed the connection, or that it was lost, is recorded."""
        for why, happening in ((ConnectionDone(), "closed"), (ConnectionLost(), "lost")):
            recorded = Exchange(Clock().seconds)
            association, _, _ = associated(evt_handlers=list(recorded.handlers))
            self.lost(association, why)
            self.assertEqual(recorded.lines[2:], [Line(False, 0, b"", happening)])
        recorded = Exchange(Clock().seconds)
        association, _, wire = associated(evt_handlers=list(recorded.handlers))
        association.release()
        wire.flush()
        self.assertEqual([line.happening for line in recorded.lines], [""] * 4)

    def test_aborted(self) -> None:
        """After an own A-ABORT a lost connection is no news, since this side drops it, too."""
        for why, left in ((ConnectionDone(), ["", "closed"]), (ConnectionLost(), [""])):
            recorded = Exchange(Clock().seconds)
            association, _, _ = associated(evt_handlers=list(recorded.handlers))
            association.abort()
            self.lost(association, why)
            self.assertEqual([line.happening for line in recorded.lines[2:]], left)

    def test_unfinished(self) -> None:
        """What came of a PDU that is not whole is recorded once, when its last byte came."""
        clock = Clock()  # which goes with that of the wire, and began at another time
        recorded = Exchange(clock.seconds)
        association, _, wire = associated(evt_handlers=list(recorded.handlers))
        for data in (answer()[:3], answer()[3:20], b""):
            clock.advance(1)
            wire.advance(1)
            if data:
                association.protocol.dataReceived(data)
        association.abort()
        recorded.end(None)
        self.lost(association, ConnectionLost())
        self.assertEqual(recorded.lines[2:-1], [Line(False, 2000, answer()[:20])])
        self.assertEqual(recorded.lines[-1], Line(True, 3000, Abort().encode()))

    def test_timeout(self) -> None:
        """That this side waited no longer is told before its A-ABORT."""
        recorded = Exchange(Clock().seconds)
        association, _, _ = associated(evt_handlers=list(recorded.handlers))
        association.abort()
        recorded.end(AssociationTimeout("timeout", 1, "answer"))
        self.assertEqual(recorded.lines[2], Line(True, 0, b"", "timeout"))
        self.assertEqual(recorded.lines[3].data, Abort().encode())
        recorded = Exchange(Clock().seconds)
        recorded.end(AssociationTimeout("timeout", 1, "connection"))
        self.assertEqual(recorded.lines, [])

    def test_no_tls(self) -> None:
        """What waited for a TLS handshake that was not completed was never sent."""
        recorded = Exchange(Clock().seconds)
        association, _, _ = associated(evt_handlers=list(recorded.handlers))
        association.protocol.tls = True
        recorded.end(None)
        self.assertEqual(recorded.lines, [])

    def test_too_much(self) -> None:
        """Where PDUs are left out, nothing is kept that would seem to follow the last one."""
        self.patch(exchange, "MOST_PDUS", 1)
        recorded = Exchange(Clock().seconds)
        association, _, _ = associated(evt_handlers=list(recorded.handlers))
        association.protocol.dataReceived(answer()[:20])
        self.lost(association, ConnectionDone())
        recorded.end(None)
        self.assertEqual((len(recorded.lines), recorded.left_out), (1, 1))


class LadderTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """The ladder says who sent what, and when."""
        self.assertEqual(
            list(exchange.ladder(WHOLE)),
            [
                "        ms  requestor             acceptor",
                "       0.0  |-- A-ASSOCIATE-RQ ---->|  ME calls YOU",
                "       1.5  |<- A-ASSOCIATE-AC -----|  1 of 1 contexts accepted",
                "       3.0  |-- C-ECHO-RQ --------->|  message 1",
                "       4.5  |<- C-ECHO-RSP ---------|  to message 1: 0x0000 - Success",
                "       6.0  |-- A-RELEASE-RQ ------>|",
                "       7.5  |<- A-RELEASE-RP -------|",
            ],
        )

    def test_others(self) -> None:
        """Rejections, aborts, other protocols and what was left out have words, too."""
        shown = "\n".join(
            exchange.ladder(
                lines(
                    ("<", AssociateRJ(1, 1, 7).encode()),
                    ("<", Abort(2, 1).encode()),
                    (">", Abort(0, 0).encode()),
                    ("<", b"HTTP/1.1 400 Bad Request\r\n"),
                ),
                3,
            )
        )
        for words in (
            "rejected-permanent: called-AE-title-not-recognized",
            "unrecognized-PDU",
            "by the user",
            "26 bytes of HTTP",
            "and 3 further PDUs",
        ):
            self.assertIn(words, shown)

    def test_unfinished(self) -> None:
        """So have PDUs of which only a part came, and what is none at all."""
        exchanged = [
            Line(True, 0, REQUEST.encode()[:5]),
            Line(False, 1, ACCEPT.encode()[:20]),
            Line(True, 2, b"", "timeout"),
            Line(False, 3, b"", "closed"),
        ]
        self.assertEqual(
            list(exchange.ladder(exchanged))[1:],
            [
                "       0.0  |-- A-ASSOCIATE-RQ ---->|  its first 5 bytes",
                "       1.0  |<- A-ASSOCIATE-AC -----|  its first 20 of 132 bytes",
                "       2.0  |-- timeout ----------->|  waited no longer",
                "       3.0  |<- closed -------------|  the connection",
            ],
        )
        self.assertIn("A-ASSOCIATE-RQ: its first 5 bytes", list(exchange.in_words(exchanged)))

    def test_width(self) -> None:
        """On a terminal no line is longer than it is wide, and the rungs stay what they are."""
        exchanged = lines((">", REQUEST.encode()), ("<", AssociateRJ(1, 1, 7).encode()))
        self.assertEqual(
            list(exchange.ladder(exchanged, width=80))[2:],
            [
                "       1.5  |<- A-ASSOCIATE-RJ -----|  rejected-permanent: called-AE-title-not-",
                "            |                       |  recognized",
            ],
        )
        self.assertEqual(len(list(exchange.ladder(exchanged, width=200))), 3)

    def test_secrets(self) -> None:
        """Neither the ladder nor the words show a passcode."""
        identity = UserIdentityRQ(2, b"someone", b"s3cret")
        request = AssociateRQ("YOU", "ME", REQUEST.presentation_contexts, (identity,))
        exchanged = lines((">", request.encode()))
        shown = "\n".join([*exchange.ladder(exchanged), *exchange.in_words(exchanged)])
        self.assertIn("someone", shown)
        self.assertNotIn("s3cret", shown)

    def test_hostile_titles(self) -> None:
        """A title with control characters does not reach the terminal as it is."""
        request = AssociateRQ("\x1b[2J", "ME", REQUEST.presentation_contexts)
        self.assertNotIn("\x1b", "\n".join(exchange.ladder(lines((">", request.encode())))))


class FileTests(SynchronousTestCase):
    def saved(self, recorded: Exchange) -> str:
        path = self.mktemp()
        kept.save(kept.create(path), recorded.lines, OUTCOME)
        return path

    def test_there_and_back(self) -> None:
        """What is kept is read as it was."""
        recorded = Exchange(Clock().seconds)
        recorded.lines = WHOLE
        self.assertEqual(kept.read(self.saved(recorded)).lines, WHOLE)

    def test_what_happened(self) -> None:
        """What else happened is read as it was, too, and so is a part of a PDU."""
        recorded = Exchange(Clock().seconds)
        recorded.lines = [
            *WHOLE[:1],
            Line(False, 2, ACCEPT.encode()[:9]),
            *(Line(side, 3, b"", what) for side in (True, False) for what in exchange.HAPPENINGS),
        ]
        self.assertEqual(kept.read(self.saved(recorded)).lines, recorded.lines)

    def test_target(self) -> None:
        """The target is read back, whatever it is called, and whether it was asked over TLS."""
        for target, over_tls in (
            (Target("pacs.example", 11112, "A; > sent"), False),
            (Target("::1", 104), True),
            (Target("m\xfcnchen.example", 104, "over TLS"), True),
        ):
            path = self.mktemp()
            kept.save(kept.create(path), WHOLE, Outcome(target, "", "", tls_wanted=over_tls), 7)
            found = kept.read(path)
            self.assertEqual((found.target, found.over_tls, found.left_out), (target, over_tls, 7))

    def test_comments(self) -> None:
        """Files by hand, or whose comments are damaged, are read without a target."""
        for comments in (
            b"",
            b"# An exchange with\n# x further PDUs were not kept\n",
            b"# An exchange with \\x1b@:0; > sent, < received, milliseconds, bytes\n",
            b"# An exchange with \xff\\N{; > sent, < received, milliseconds, bytes\n#\n",
        ):
            path = self.mktemp()
            Path(path).write_bytes(comments + b"> 07000000000400000000\n")
            self.assertEqual(kept.read(path)[1:], (None, False, 0))

    def test_failed_before(self) -> None:
        """Where nothing was exchanged, the file says why not."""
        path = self.mktemp()
        error = ConnectionFailed("pacs:104", "\x1b[2J refused\n> 00")
        kept.save(kept.create(path), [], Outcome(Target("pacs"), "", "", error=error))
        with self.assertRaises(ValueError) as caught:
            kept.read(path)
        self.assertIn("FAILED at the stage connect: no connection", str(caught.exception))
        self.assertNotIn("\x1b", str(caught.exception))

    def test_device(self) -> None:
        """The rights of what is no regular file are left as they are."""
        path = self.mktemp()
        os.mkfifo(path)
        os.chmod(path, 0o640)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        os.close(kept.create(path))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)

    def test_rights(self) -> None:
        """Only its owner may read the file, even where it was there before."""
        path = self.mktemp()
        Path(path).touch(0o644)
        os.chmod(path, 0o644)
        os.close(kept.create(path))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_not_one(self) -> None:
        """What is no exchange is refused, with the line where it is not."""
        for content, word in (
            (b"", "no exchange"),
            (b"# only a comment\n", "no exchange"),
            (b"> 0 00\n? 1 00\n", "line 2"),
            (b"> 0 0\n", "line 1"),
            (b"> nan 00\n", "line 1"),
            (b"> -1 00\n", "line 1"),
            (b"> 0 1 00\n", "line 1"),
            (b"> 0 opened\n", "line 1"),
            (b"\xff\xfe", "line 1"),
        ):
            path = self.mktemp()
            Path(path).write_bytes(content)
            with self.assertRaisesRegex(ValueError, word):
                kept.read(path)

    def test_too_long(self) -> None:
        """A huge file is not read into memory."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.truncate(kept.MOST_READ + 1)
        with self.assertRaisesRegex(ValueError, "longer"):
            kept.read(path)


class StoryTests(SynchronousTestCase):
    """What went wrong in an exchange."""

    def test_each(self) -> None:
        """What an exchange came to is told from its bytes."""
        rejected = AssociateRJ(1, 1, 3).encode()
        gone = Abort().encode()
        echoed = (*ASSOCIATED, (">", ASK), ("<", answer()))
        refused = AssociateAC("YOU", "ME", (PresentationContextAC(1, 3, ""),)).encode()
        for exchanged, words in (
            (WHOLE, "Nothing that went wrong"),
            (lines((">", REQUEST.encode()), ("<", rejected)), "does not know the title ME"),
            (lines((">", REQUEST.encode()), ("<", refused)), "association itself is fine"),
            (lines((">", REQUEST.encode()), ("<", b"HTTP/1.1 400")), "web server"),
            (lines((">", REQUEST.encode())), "without an answer to the A-ASSOCIATE-RQ"),
            (lines(*ASSOCIATED, (">", ASK)), "without an answer to the C-ECHO-RQ"),
            (lines(*ASSOCIATED, (">", ASK), ("<", answer(7))), "another message"),
            (lines(*ASSOCIATED, (">", ASK), ("<", answer(status=0x0122))), "0x0122"),
            (lines(*ASSOCIATED, (">", ASK), ("<", Abort().encode())), "instead of answering"),
            (lines(*ASSOCIATED, (">", ReleaseRQ().encode())), "to the A-RELEASE-RQ"),
            (
                lines(*ASSOCIATED, (">", ASK), (">", gone)),
                "aborted without an answer to the C-ECHO",
            ),
            (
                lines(*ASSOCIATED, (">", ASK), (">", gone)),
                "because of a time-out of its own, because",
            ),
            (lines(*echoed, (">", ReleaseRQ().encode()), (">", gone)), "only the end"),
            (lines(*echoed, (">", ReleaseRQ().encode())), "only the end"),
        ):
            self.assertIn(words, self.told(exchanged))

    def told(self, exchanged: list[Line]) -> str:
        """What is said about an exchange, as one line."""
        recorded = Exchange(Clock().seconds)
        recorded.lines = exchanged
        path = self.mktemp()
        kept.save(kept.create(path), recorded.lines, OUTCOME)
        return " ".join(" ".join(reading.report(path, verbose=True)).split())

    def test_captures(self) -> None:
        """Whole associations of other programs are read, and explained where they failed."""
        paths = sorted(glob.glob(str(CAPTURES / "*.txt")))
        self.assertGreaterEqual(len(paths), 10)
        for path in paths:
            said = "\n".join(reading.report(path, verbose=False))
            self.assertIn("A-ASSOCIATE-RQ", said)
            failed = "rejects" in path
            self.assertEqual("Nothing that went wrong" in said, not failed, path)

    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=64)), max_size=8))
    def test_noise(self, noise: list[tuple[bool, bytes]]) -> None:
        """Noise in the place of PDUs is told as what it is, and breaks nothing."""
        exchanged = [Line(direction, None, data) for direction, data in noise]
        self.assertEqual(len(list(exchange.ladder(exchanged))), len(noise) + 1)
        reading.outcome_of(Kept(exchanged))
        list(exchange.in_words(exchanged))

    @given(st.data())
    def test_garbled(self, data: st.DataObject) -> None:
        """Nor does an exchange in which a byte was changed."""
        garbled = []
        for line in WHOLE:
            at = data.draw(st.integers(0, len(line.data) - 1))
            changed = bytes([data.draw(st.integers(0, 255))])
            garbled.append(line._replace(data=line.data[:at] + changed + line.data[at + 1 :]))
        list(exchange.ladder(garbled))
        list(exchange.in_words(garbled))
        reading.outcome_of(Kept(garbled))


class CommandTests(SynchronousTestCase):
    """``txdicom explain``."""

    def run_main(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(argv)
        return code, out.getvalue(), err.getvalue()

    def test_explain(self) -> None:
        """An exchange in a file is shown, with -v in words."""
        path = str(CAPTURES / "dcmtk-echoscu--storescp.txt")
        code, out, err = self.run_main("explain", path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("|-- C-ECHO-RQ --------->|", out)
        self.assertNotIn("Presentation Contexts:", out)
        self.assertIn("Presentation Contexts:", self.run_main("explain", path, "-v")[1])

    def test_wrong(self) -> None:
        """A file that is none, or is not there, is exit code 2 and a line."""
        for path in ("nosuchfile", __file__):
            code, out, err = self.run_main("explain", path)
            self.assertEqual((code, out), (2, ""))
            self.assertEqual(len(err.splitlines()), 1)

    def test_one_target(self) -> None:
        """What is for one target is refused for several, before anything is sent."""
        for option in (["--explain"], ["--save", self.mktemp()], ["--try-titles", "A"]):
            code, _, err = self.run_main("echo", "a:1", "b:1", *option)
            self.assertEqual(code, 2)
            self.assertIn("one target", err)

    def test_save_where_nothing_can_be(self) -> None:
        """Where the file cannot be created, nothing is sent."""
        code, _, err = self.run_main("echo", "a:1", "--save", "/nosuchfolder/file")
        self.assertEqual(code, 2)
        self.assertIn("nosuchfolder", err)

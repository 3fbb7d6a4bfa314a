"""``--probe``: what is asked, and what is taken for an answer; without a network, on a clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txdicom import errors, evt
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.probe_answers import (
    GROUPS,
    MAXIMUM_WORDS,
    TRANSFER_SYNTAXES,
    Answer,
    failure,
    not_known,
    seen,
)
from txdicom.cli.probe_report import was_asked
from txdicom.cli.probing import PAUSE, Probe
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.negotiation import ServiceUser
from txdicom.sop_class import Verification
from txdicom.testing import FaultyFactory, Wire
from txdicom.upperlayer.pdu import AssociateRJ, AssociateRQ
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    MaximumLength,
    RoleSelection,
    UserIdentityRQ,
    every,
    the,
)

HOST, PORT = "192.0.2.1", 11112


class WireReactor:
    """A reactor whose TCP connections are those of a wire.

    :ivar at_once: how many connections there were at once, at most
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.at_once = 0
        self.callLater = wire.clock.callLater
        self.seconds = wire.clock.seconds

    def connectTCP(self, host: str, port: int, factory: Any, **_: Any) -> None:
        server = self.wire.factories.get("scp")
        factory.startedConnecting(self)
        if server is None:
            factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))
            return
        self.wire.join(factory, server)
        open_ones = [end for end in self.wire.transports[::2] if not end.disconnected]
        self.at_once = max(self.at_once, len(open_ones))

    def stopConnecting(self) -> None:
        """Nothing is ever about to connect."""


class ProbeTestCase(SynchronousTestCase):
    """A server in memory, and a probe of it."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.reactor = WireReactor(self.wire)
        self.requests: list[AssociateRQ] = []
        self.ended: list[str] = []
        self.scp = self.wire.ae("ARCHIVE")
        self.scp.add_supported_context(Verification)

    def serve(self, *faults: str, handlers: Any = ()) -> None:
        """Let the server listen, with these faults."""
        factory = self.scp.server_factory(
            evt_handlers=[
                (evt.EVT_REQUESTED, self._requested),
                (evt.EVT_RELEASED, lambda event: self.ended.append("released")),
                (evt.EVT_ABORTED, lambda event: self.ended.append("aborted")),
                *handlers,
            ]
        )
        faulty = FaultyFactory(factory, faults, self.wire.clock)
        self.wire.factories["scp"] = faulty if faults else factory

    def _requested(self, event: Any) -> None:
        self.requests.append(event.assoc.requestor.primitive)

    def begin(self, **settings: Any) -> Probe:
        target = Target(HOST, PORT, "ARCHIVE")
        probing = Probe(self.reactor, target, Settings(timeout=3, **settings))
        self.running = probing.run()
        return probing

    def probe(self, **settings: Any) -> Probe:
        """Probe until it is done."""
        probing = self.begin(**settings)
        for _ in range(2_000):
            if self.running.called:
                break
            self.wire.advance(0.05)
        self.successResultOf(self.running)
        return probing

    def values(self, probing: Probe, group: str) -> dict[str, Any]:
        return {question: answer.value for question, answer in probing.answers[group].items()}


class QuestionTests(ProbeTestCase):
    """What is asked, and of a server that is no trouble what is answered."""

    def test_answers(self) -> None:
        """A server of ours is known by its answers, and each question has one, or a reason."""
        self.serve()
        probing = self.probe()
        self.assertEqual(list(probing.answers), [name for name in GROUPS if name != "tls"])
        for name, questions in probing.answers.items():
            self.assertEqual(list(questions), list(GROUPS[name].questions))
            for question, answer in questions.items():
                self.assertEqual(answer.value is None, bool(answer.why), (name, question))
        self.assertEqual(probing.stopped, "")
        self.assertEqual(
            self.values(probing, "verification"),
            {
                "association": "accepted",
                "echo": "0x0000 - Success",
                "release": "answered",
                "implementation_class_uid": self.scp.implementation_class_uid,
                "implementation_version_name": self.scp.implementation_version_name,
                "maximum_length": 16382,
                "transfer_syntax": "1.2.840.10008.1.2",
            },
        )
        refused = "transfer-syntaxes-not-supported"
        self.assertEqual(
            self.values(probing, "transfer_syntaxes"),
            {
                uid: "accepted" if "Endian" in name else refused
                for uid, name in TRANSFER_SYNTAXES.items()
            }
            | {"chosen": "1.2.840.10008.1.2", "chosen_in_reverse": "1.2.840.10008.1.2"},
        )
        self.assertEqual(
            self.values(probing, "contexts"),
            {
                "accepted_of_128": 128,
                "most": 128,
                "unknown_sop_class": "abstract-syntax-not-supported",
            },
        )
        for group in ("maximum_lengths", "titles"):
            self.assertEqual(set(self.values(probing, group).values()), {"accepted"})
        self.assertEqual(
            list(self.values(probing, "identity").values()),
            ["accepted", "accepted", "accepted; response not given", None],
        )
        self.assertEqual(
            list(self.values(probing, "window").values()),
            ["accepted; 8 invoked, 1 performed", "accepted; 16 invoked, 1 performed"],
        )
        self.assertEqual(probing.answers["roles"]["scu_and_scp"], Answer("accepted; no answer"))

    def test_polite(self) -> None:
        """One association after the other, with a pause between them, each of them released."""
        times: list[float] = []
        clock = self.wire.clock
        self.serve(handlers=[(evt.EVT_CONN_OPEN, lambda event: times.append(clock.seconds()))])
        probing = self.probe()
        self.assertEqual((len(times), len(self.ended)), (probing.associations,) * 2)
        self.assertEqual((self.reactor.at_once, set(self.ended)), (1, {"released"}))
        pauses = [times[index + 1] - times[index] for index in range(len(times) - 1)]
        self.assertGreater(min(pauses), PAUSE * 0.99)
        self.assertLessEqual(probing.associations, 20)

    def test_first(self) -> None:
        """The first association is that of an echo without a probe."""
        self.serve()
        self.probe(calling_ae_title="ME")
        first, *others = self.requests
        self.assertEqual((first.called_ae_title, first.calling_ae_title), ("ARCHIVE", "ME"))
        self.assertEqual(len(first.presentation_contexts), 1)
        self.assertEqual(len(first.user_information), 3)
        titles = {(it.called_ae_title, it.calling_ae_title) for it in others}
        self.assertEqual(
            titles,
            {
                ("ARCHIVE", "ME"),
                ("TXDICOM-PROBE", "ME"),
                ("ARCHIVE", "TXDICOM-PROBE"),
                ("archive", "ME"),
            },
        )

    def items(self, kind: type[Any]) -> list[Any]:
        """The items of this kind in the requests, where there is one."""
        found = [the(kind, request.user_information) for request in self.requests]
        return [item for item in found if item is not None]

    def test_items(self) -> None:
        """Each kind of item is proposed in the associations that are for it, and in no other."""
        self.serve()
        self.probe()
        lengths = [item.maximum_length for item in self.items(MaximumLength)]
        self.assertEqual([it for it in lengths if it != 16382], [4096, 64, 0])
        windows = [(it.invoked, it.performed) for it in self.items(AsynchronousOperationsWindow)]
        self.assertEqual(windows, [(8, 1), (0, 0)])
        (role,) = self.items(RoleSelection)
        self.assertEqual((role.sop_class_uid, role.scu_role, role.scp_role), (Verification, 1, 1))
        self.assertEqual(
            self.items(UserIdentityRQ),
            [UserIdentityRQ(1, b"txdicom-probe", b"", wanted) for wanted in (False, True)],
        )

    def test_contexts(self) -> None:
        """Transfer syntaxes are proposed one by one, and all together in both orders."""
        self.serve()
        self.probe()
        syntaxes = tuple(TRANSFER_SYNTAXES)
        proposed = [
            [context.transfer_syntaxes for context in request.presentation_contexts]
            for request in self.requests
        ]
        self.assertEqual(proposed[1], [(syntax,) for syntax in syntaxes])
        self.assertEqual(proposed[2:4], [[syntaxes], [syntaxes[::-1]]])
        self.assertEqual(max(map(len, proposed)), 128)

    def test_user(self) -> None:
        """A user's passcode is given where it was asked for, and never without its name."""
        given = UserIdentityRQ(2, b"someone", b"s3cret")
        asked: list[tuple[int, bytes | None]] = []

        def user_id(event: Any) -> tuple[bool, None]:
            asked.append((event.user_id_type, event.secondary_field))
            return event.secondary_field == b"s3cret", None

        self.serve(handlers=[(evt.EVT_USER_ID, user_id)])
        probing = self.probe(extended=(given,))
        refused = "rejected-permanent: no-reason-given (1,2,1)"
        self.assertEqual(
            self.values(probing, "identity"),
            {
                "none": "accepted",
                "name": refused,
                "name_with_response": refused,
                "passcode": "accepted",
            },
        )
        self.assertEqual(asked.count((1, None)), 2)
        self.assertEqual(asked.count((2, b"s3cret")), len(asked) - 2)
        self.assertEqual(len(self.requests) - len(asked), 1)

    def test_window(self) -> None:
        """A window that was asked for is in every request, but for those that propose another."""
        self.serve()
        self.probe(extended=(AsynchronousOperationsWindow(5, 4),))
        windows = [(it.invoked, it.performed) for it in self.items(AsynchronousOperationsWindow)]
        self.assertEqual(set(windows), {(5, 4), (8, 1), (0, 0)})
        for request in self.requests:
            items = every(AsynchronousOperationsWindow, request.user_information)
            self.assertEqual(len(items), 1)

    def test_response(self) -> None:
        """A positive response is told from none."""
        self.serve(handlers=[(evt.EVT_USER_ID, lambda event: (True, None))])
        answers = self.values(self.probe(), "identity")
        self.assertEqual(answers["name_with_response"], "accepted; response given")

    def test_roles(self) -> None:
        """The roles that are answered are told."""
        self.scp.add_supported_context(Verification, scu_role=True, scp_role=False)
        self.serve()
        answers = self.values(self.probe(), "roles")
        self.assertEqual(answers["scu_and_scp"], "accepted; SCU 1, SCP 0")


class TroubleTests(ProbeTestCase):
    """Servers that do not accept, do not answer, or go away."""

    def test_titles(self) -> None:
        """A server that wants its own title is seen to want it, letter case and all."""
        self.scp.require_called_aet = True
        self.serve()
        no = "rejected-permanent: called-AE-title-not-recognized (1,1,7)"
        self.assertEqual(list(self.values(self.probe(), "titles").values()), [no, "accepted", no])

    def test_title_without_letters(self) -> None:
        """A title that has no other case is not asked for in it."""
        self.serve()
        probing = Probe(self.reactor, Target(HOST, PORT, "1-2"), Settings(timeout=3))
        running = probing.run()
        for _ in range(100):
            self.wire.advance(0.05)
        self.successResultOf(running)
        answer = probing.answers["titles"]["called_in_other_case"]
        self.assertEqual(answer, not_known("the called AE title has no letters"))

    def test_few_contexts(self) -> None:
        """The greatest number of contexts is found in a few steps, whatever it is."""
        for most in (1, 2, 63, 64, 127):

            def limit(event: Any, most: int = most) -> None:
                if len(event.assoc.requestor.primitive.presentation_contexts) > most:
                    event.assoc.reject(AssociateRJ(1, 3, 2))

            self.serve(handlers=[(evt.EVT_REQUESTED, limit)])
            probing = self.probe()
            answers = self.values(probing, "contexts")
            self.assertEqual(answers["most"], most)
            self.assertEqual(
                answers["accepted_of_128"], "rejected-permanent: local-limit-exceeded (1,3,2)"
            )
            self.assertLessEqual(probing.associations, 17 + 7)

    def test_contexts_not_answered(self) -> None:
        """A syntax is not said to be refused where the whole association was."""

        def limit(event: Any) -> None:
            if len(event.assoc.requestor.primitive.presentation_contexts) == len(TRANSFER_SYNTAXES):
                event.assoc.abort()

        self.serve(handlers=[(evt.EVT_REQUESTED, limit)])
        probing = self.probe()
        answer = probing.answers["transfer_syntaxes"]["1.2.840.10008.1.2"]
        self.assertIsNone(answer.value)
        self.assertIn("aborted by the DICOM UL service-user", answer.why)
        self.assertEqual(probing.answers["transfer_syntaxes"]["chosen"].why, "")

    def test_most_not_answered(self) -> None:
        """Where silence keeps the greatest number from being found, it is not known."""

        def limit(event: Any) -> None:
            contexts = len(event.assoc.requestor.primitive.presentation_contexts)
            if contexts == 128:
                event.assoc.reject(AssociateRJ(1, 3, 2))
            elif contexts == 64:
                self.wire.silent = True

        self.serve(handlers=[(evt.EVT_REQUESTED, limit)])
        answer = self.probe().answers["contexts"]["most"]
        self.assertIsNone(answer.value)
        self.assertTrue(answer.why.startswith("with 64: no end"), answer)

    def test_other_answers(self) -> None:
        """A context accepted with another syntax, or left out, is not said to be accepted."""

        def change(event: Any) -> None:
            contexts = getattr(event.primitive, "presentation_contexts", ())
            if len(contexts) == len(TRANSFER_SYNTAXES):
                other = replace(contexts[0], transfer_syntax="1.2.3")
                event.primitive.presentation_contexts = (other, *contexts[2:])

        self.serve(handlers=[(evt.EVT_ACSE_SENT, change)])
        answers = list(self.values(self.probe(), "transfer_syntaxes").values())
        self.assertEqual(answers[:3], ["accepted with 1.2.3", "no answer", "accepted"])

    def test_items_not_stood(self) -> None:
        """An abort because of an item is the answer to that question, and to no other."""
        self.serve("abort:on-async-window:2,6", "drop:on-user-identity")
        probing = self.probe()
        self.assertEqual(
            set(self.values(probing, "window").values()),
            {"aborted by the DICOM UL service-provider"},
        )
        answers = self.values(probing, "identity")
        self.assertEqual(
            (answers["none"], answers["name"]), ("accepted", "closed without an A-ABORT")
        )
        self.assertEqual(self.values(probing, "roles"), {"scu_and_scp": "accepted; no answer"})

    def test_status(self) -> None:
        """A status other than success does not end a probe, and is said wherever it was seen."""
        self.serve("status:0x0110")
        probing = self.probe()
        self.assertEqual(probing.baseline.exit_code, 9)
        said = "0x0110 - Failure: Processing failure"
        self.assertEqual(self.values(probing, "verification")["echo"], said)
        self.assertEqual(
            self.values(probing, "titles")["unknown_called"],
            f"accepted, but the C-ECHO answered {said}",
        )

    def not_asked(self, probing: Probe) -> list[str]:
        """The groups of which nothing was asked."""
        return [name for name, questions in probing.answers.items() if not was_asked(questions)]

    def test_silent_twice(self) -> None:
        """After two questions in a row without an answer nothing further is asked."""
        self.serve("silence:on-user-identity")
        probing = self.probe()
        self.assertEqual(self.not_asked(probing), ["window", "roles"])
        self.assertEqual(
            probing.answers["roles"]["scu_and_scp"],
            not_known("not asked: 2 questions in a row were not answered"),
        )
        answer = probing.answers["identity"]["name"]
        self.assertEqual((answer.value, answer.why[:6]), (None, "no end"))

    def test_silent_now_and_then(self) -> None:
        """One without an answer between others that have one does not end it."""
        self.serve("TXDICOM-PROBE=silence:on-associate")
        probing = self.probe()
        self.assertEqual(self.not_asked(probing), [])
        self.assertIsNone(probing.answers["titles"]["unknown_calling"].value)

    def test_silent_again(self) -> None:
        """Only those without an answer that follow each other count."""
        self.serve("TXDICOM-PROBE=silence:on-associate", "silence:on-async-window")
        probing = self.probe()
        self.assertEqual(self.not_asked(probing), ["roles"])
        for answer in probing.answers["window"].values():
            self.assertTrue(answer.why.startswith("no end"), answer)

    def test_silent_echo(self) -> None:
        """Silence after the association was accepted is said to come after it."""
        self.serve("TXDICOM-PROBE=silence:on-echo")
        answers = self.values(self.probe(), "titles")
        self.assertEqual(answers["unknown_calling"], "accepted, but the C-ECHO was not answered")
        # It does not close its connection either, which is waited for.
        self.assertEqual(self.reactor.at_once, 1)

    def test_refused(self) -> None:
        """Where the first association fails, it is the only one, and the rest is not asked."""
        self.serve("reject:2,3,2")
        probing = self.probe()
        self.assertEqual((probing.associations, probing.baseline.exit_code), (1, 6))
        self.assertEqual(
            self.values(probing, "verification")["association"],
            "rejected-transient: local-limit-exceeded (2,3,2)",
        )
        self.assertEqual(len(self.not_asked(probing)), len(probing.answers) - 1)

    def test_nobody(self) -> None:
        """Nor is anything asked where there is no connection."""
        probing = self.probe()
        self.assertEqual((probing.associations, probing.baseline.exit_code), (1, 4))
        self.assertIn("refused", str(self.values(probing, "verification")["association"]))

    def test_silent(self) -> None:
        """A peer that never answers is asked once."""
        self.serve("silence:on-associate")
        probing = self.probe()
        self.assertEqual((probing.associations, probing.baseline.exit_code), (1, 10))
        self.assertEqual(self.not_asked(probing), list(probing.answers)[1:])

    def test_gone(self) -> None:
        """A server that goes away in the middle is asked no more."""
        self.serve()

        def go(event: Any) -> None:
            if len(self.requests) == 5:
                del self.wire.factories["scp"]

        self.serve(handlers=[(evt.EVT_REQUESTED, go)])
        probing = self.probe()
        self.assertEqual(probing.associations, 6)
        self.assertEqual(self.values(probing, "contexts")["accepted_of_128"], 128)
        self.assertIn(
            "no connection any more", probing.answers["contexts"]["unknown_sop_class"].why
        )
        self.assertEqual(probing.baseline.exit_code, 0)

    def test_release(self) -> None:
        """Where the first release is not answered, the other associations are aborted."""
        self.serve("silence:on-release")
        probing = self.probe()
        self.assertIsNone(probing.answers["verification"]["release"].value)
        self.assertEqual(self.not_asked(probing), [])
        self.assertEqual(self.ended.count("aborted"), probing.associations - 1)

    def test_interrupted(self) -> None:
        """To cancel it ends it with the answers that there are, wherever it is."""
        for point in ("associate", "echo", "release"):
            self.requests.clear()
            self.serve(f"TXDICOM-PROBE=silence:on-{point}")
            probing = self.begin()
            while not any(it.calling_ae_title == "TXDICOM-PROBE" for it in self.requests):
                self.wire.advance(0.05)
            self.running.cancel()
            self.wire.flush()
            self.successResultOf(self.running)
            self.assertEqual(probing.stopped, "interrupted", point)
            self.assertEqual(self.values(probing, "titles")["unknown_called"], "accepted")
            self.assertEqual(
                probing.answers["titles"]["unknown_calling"], not_known("not asked: interrupted")
            )

    def test_interrupted_between(self) -> None:
        """So does it between two associations."""
        self.serve()
        probing = self.begin()
        self.wire.advance(PAUSE / 2)
        self.running.cancel()
        self.successResultOf(self.running)
        self.assertEqual((probing.associations, probing.interrupted), (1, True))


class WordsTests(SynchronousTestCase):
    """What a failure is called."""

    def test_failures(self) -> None:
        """Each kind has its words, without what changes from day to day; silence is no answer."""
        called = "rejected-permanent: called-AE-title-not-recognized (1,1,7)"
        for error, words in (
            (errors.AssociationRejected(1, 1, 7), called),
            (errors.AssociationRejected(9, 9, 9), "undefined value 9: undefined reason 9 (9,9,9)"),
            (errors.AssociationAborted(2, 6, "peer"), "aborted by the DICOM UL service-provider"),
            (errors.AssociationAborted(2, 0, "connection", "3 s"), "closed without an A-ABORT"),
            (errors.AssociationReleased("peer"), "released by the peer"),
            (errors.NoAcceptedContext(None, []), "no presentation context accepted"),
            (errors.ProtocolViolation("what"), "the peer violated the protocol: what"),
            (errors.AssociationTimeout("timeout", 3, "answer"), None),
        ):
            self.assertEqual(failure(error).value, words)

    def test_seen(self) -> None:
        """An association that was accepted and failed then is both."""
        outcome = Outcome(Target("pacs"), "A", "B")
        self.assertIsNone(seen(outcome).value)
        outcome.acceptor = ServiceUser("A")
        outcome.echoes.append(Echo(1, 1, 0.1, 0))
        self.assertEqual(seen(outcome).value, "accepted")
        outcome.error = errors.AssociationAborted(0, 0, "peer")
        self.assertEqual(
            seen(outcome).value, "accepted, but then: aborted by the DICOM UL service-user"
        )

    def test_length(self) -> None:
        """A peer's words may be as long as it likes, an answer may not."""
        self.assertEqual(len(str(Answer("x" * 60_000).value)), MAXIMUM_WORDS)
        self.assertEqual(len(not_known("x" * 60_000).why), MAXIMUM_WORDS)

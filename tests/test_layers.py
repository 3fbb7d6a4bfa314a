"""The architecture, read off the imports: what stands above the Twisted line, and no cycle."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

import txdicom

PACKAGE = Path(txdicom.__file__).parent

#: The sans-I/O core: names of modules, or of packages with all that is in them.
ABOVE_THE_LINE = (
    "txdicom.errors",
    "txdicom.uids",
    "txdicom.titles",
    "txdicom.limits",
    "txdicom.events",
    "txdicom.presentation",
    "txdicom.negotiation",
    "txdicom.words",
    "txdicom.upperlayer",
    "txdicom.dimse",
    "txdicom.services",
)

#: What the core knows nothing of.
BELOW_THE_LINE = ("twisted", "pydicom", "socket", "time", "select", "ssl", "asyncio", "threading")

#: Who may import a reactor, and that inside functions only, or ``--reactor`` would break.
REACTOR_USERS = ("txdicom.ae", "txdicom.tap", "txdicom.cli")

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 45


class Import(NamedTuple):
    """One import statement's name: ``module`` is what is imported, or what it is imported from."""

    importer: str
    module: str
    name: str | None
    in_function: bool
    type_checking: bool


class Module(NamedTuple):
    """A module of the package."""

    name: str
    path: Path
    tree: ast.Module
    is_package: bool


def modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["txdicom", *path.relative_to(PACKAGE).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        yield Module(name, path, ast.parse(path.read_text()), is_package)


MODULES = {module.name: module for module in modules()}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_in(module: Module) -> Iterator[Import]:
    """Every import of a module, wherever in it."""

    def visit(node: ast.AST, in_function: bool, checking: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module.name, alias.name, None, in_function, checking)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, module)
            for alias in node.names:
                yield Import(module.name, source, alias.name, in_function, checking)
        in_function = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        checking = checking or is_type_checking(node)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, in_function, checking)

    return visit(module.tree, False, False)


def absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


IMPORTS = tuple(it for module in MODULES.values() for it in imports_in(module))


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether the dotted name is one of these packages, or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def target(it: Import) -> str:
    """The full name of what is imported: the module itself where it is one."""
    full = f"{it.module}.{it.name}" if it.name else it.module
    return full if it.name is None or full in MODULES else it.module


def described(found: list[Import]) -> list[str]:
    return [f"{it.importer} imports {it.module} {it.name or ''}".strip() for it in found]


class LineTests(SynchronousTestCase):
    """The Twisted line."""

    def test_all_there(self) -> None:
        """Everything that should stand above the line is there to be looked at."""
        for name in ABOVE_THE_LINE:
            self.assertIn(name, MODULES)
        above = [name for name in MODULES if within(name, ABOVE_THE_LINE)]
        self.assertGreaterEqual(len(above), 20)

    def test_core(self) -> None:
        """Above the line nothing imports Twisted, pydicom, sockets, time or a reactor."""
        breaches = [
            it
            for it in IMPORTS
            if within(it.importer, ABOVE_THE_LINE)
            and (within(it.module, BELOW_THE_LINE) or it.name == "reactor")
        ]
        self.assertEqual(described(breaches), [])

    def test_core_imports_only_the_core(self) -> None:
        """Nor does it import a module of txdicom that does: not even by a detour."""
        free = (*ABOVE_THE_LINE, "txdicom._version")
        breaches = [
            it
            for it in IMPORTS
            if within(it.importer, ABOVE_THE_LINE)
            and within(it.module, ("txdicom",))
            and not within(target(it), free)
        ]
        self.assertEqual(described(breaches), [])

    def test_outside_imports(self) -> None:
        """Of what is not Python's own, the core takes zope.interface and nothing else."""
        ours = ("txdicom", "zope.interface")
        foreign = {
            it.module
            for it in IMPORTS
            if within(it.importer, ABOVE_THE_LINE)
            and not within(it.module, ours)
            and it.module.split(".")[0] not in sys.stdlib_module_names
        }
        self.assertEqual(foreign, set())


class EdgeTests(SynchronousTestCase):
    """What may be imported in few places only."""

    def test_reactor(self) -> None:
        """Only AE, tap and the command line import a reactor, and only inside functions."""
        reactors = [
            it for it in IMPORTS if it.name == "reactor" or it.module == "twisted.internet.reactor"
        ]
        self.assertEqual(
            described([it for it in reactors if not within(it.importer, REACTOR_USERS)]), []
        )
        self.assertEqual(described([it for it in reactors if not it.in_function]), [])

    def test_pydicom(self) -> None:
        """pydicom, slow to import, is imported where it is used: inside functions, or for types."""
        early = [
            it
            for it in IMPORTS
            if within(it.module, ("pydicom",)) and not (it.in_function or it.type_checking)
        ]
        self.assertEqual(described(early), [])

    def test_star(self) -> None:
        """No module imports everything of another."""
        self.assertEqual(described([it for it in IMPORTS if it.name == "*"]), [])


class ServiceTests(SynchronousTestCase):
    """A further service is one new file, and no edit elsewhere."""

    def test_association(self) -> None:
        """The association knows the contract of a service, and no service."""
        breaches = [
            it
            for it in IMPORTS
            if it.importer == "txdicom.association"
            and within(target(it), ("txdicom.services",))
            and target(it) != "txdicom.services.interface"
        ]
        self.assertEqual(described(breaches), [])

    def test_services(self) -> None:
        """No service knows the association, nor another service."""
        services = [
            it
            for it in IMPORTS
            if within(it.importer, ("txdicom.services",)) and within(it.module, ("txdicom",))
        ]
        self.assertTrue(services)
        breaches = [
            it
            for it in services
            if target(it) == "txdicom.association"
            or (
                within(target(it), ("txdicom.services",))
                and target(it) != "txdicom.services.interface"
            )
        ]
        self.assertEqual(described(breaches), [])


def edges() -> dict[str, set[str]]:
    """Which module imports which, inside functions and for types too."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for it in IMPORTS:
        if target(it) in MODULES and target(it) != it.importer:
            graph[it.importer].add(target(it))
    return graph


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of the graph, as the path that leads around it, or nothing."""
    finished: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for following in sorted(graph[path[-1]] - finished):
            if following in path:
                return [*path[path.index(following) :], following]
            found = walk([*path, following])
            if found:
                return found
        finished.add(path[-1])
        return []

    for start in sorted(graph):
        found = [] if start in finished else walk([start])
        if found:
            return found
    return []


class CycleTests(SynchronousTestCase):
    """The imports have one direction."""

    def test_no_cycle(self) -> None:
        """No module of txdicom imports, by whatever detour, itself."""
        self.assertEqual(" -> ".join(cycle_in(edges())), "")

    def test_edges_are_seen(self) -> None:
        """The graph has the edges that a reader sees in the files."""
        graph = edges()
        self.assertIn("txdicom.upperlayer.items", graph["txdicom.upperlayer.pdu"])
        self.assertIn("txdicom.upperlayer.reasons", graph["txdicom.negotiation"])
        self.assertIn("txdicom.events", graph["txdicom"])

    def test_cycles_are_found(self) -> None:
        """A cycle of any length would be noticed."""
        self.assertEqual(cycle_in({"a": {"b"}, "b": {"c"}, "c": set()}), [])
        self.assertEqual(cycle_in({"a": {"b"}, "b": {"a"}}), ["a", "b", "a"])
        self.assertEqual(
            cycle_in({"a": {"b", "d"}, "b": set(), "c": {"d"}, "d": {"e"}, "e": {"c"}}),
            ["d", "e", "c", "d"],
        )


class SizeTests(SynchronousTestCase):
    """A file is one idea, and a function one thought."""

    def test_files(self) -> None:
        """No file is longer than 400 lines."""
        lengths = {
            name: len(module.path.read_text().splitlines()) for name, module in MODULES.items()
        }
        self.assertEqual({name: n for name, n in lengths.items() if n > MAX_FILE_LINES}, {})

    def test_functions(self) -> None:
        """No function is longer than 45 lines."""
        long = {}
        for name, module in MODULES.items():
            for node in ast.walk(module.tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > MAX_FUNCTION_LINES:
                        long[f"{name}.{node.name}"] = lines
        self.assertEqual(long, {})


class PublicNamesTests(SynchronousTestCase):
    """What ``txdicom`` itself has is loaded when it is asked for."""

    def test_names(self) -> None:
        """Each public name is the one of the module that checkers are told it is from."""
        found = [it for it in imports_in(MODULES["txdicom"]) if it.type_checking and it.name]
        told = {it.name: it for it in found if it.module != "txdicom"}
        for name in set(txdicom.__all__) - {"evt", "__version__"}:
            self.assertIs(
                getattr(txdicom, name), getattr(import_module(told[name].module), name), name
            )
        self.assertIs(txdicom.evt, import_module("txdicom.events"))
        self.assertLessEqual(set(txdicom.__all__), set(dir(txdicom)))

    def test_no_such_name(self) -> None:
        """Another name is an AttributeError, as of any module."""
        with self.assertRaisesRegex(AttributeError, "module 'txdicom' has no attribute 'nosuch'"):
            txdicom.nosuch  # noqa: B018

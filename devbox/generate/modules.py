"""What a Python file tells about applications, by its syntax alone: nothing is imported. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from devbox.generate.syntax import dotted, statements, top_level
from devbox.generate.values import Framework, Included, Module, Router, Served

_FRAMEWORKS: Mapping[str, Framework] = {
    "fastapi.FastAPI": "FastAPI",
    "fastapi.applications.FastAPI": "FastAPI",
    "flask.Flask": "Flask",
    "flask.app.Flask": "Flask",
}
_ROUTERS = frozenset({"fastapi.APIRouter", "fastapi.routing.APIRouter", "flask.Blueprint"})
_INCLUDES = frozenset({"include_router", "register_blueprint"})
_HOST_CHECK = "TrustedHostMiddleware"

Imports = Mapping[str, str]


def read_module(path: str, text: str) -> Module:
    """What the text of a file tells; of one that does not parse, as much as the parts that do."""
    tree = ast.Module(list(statements(text)), [])
    nodes = list(ast.walk(tree))
    imports = _imports(nodes)
    frameworks = {**_FRAMEWORKS, **_subclasses(tree, imports)}
    reader = _Reader(imports, frameworks)
    served: dict[str, Served] = {}
    calls: dict[str, tuple[str, int]] = {}
    for statement in top_level(tree.body):
        for one in reader.served(statement):
            served.setdefault(one.name, one)
        for name, call in _assigned(statement):
            calls.setdefault(name, (dotted(call.func), call.lineno))
    return Module(
        path,
        imports,
        tuple(served.values()),
        {name: call for name, call in calls.items() if call[0] and name not in served},
        tuple(_routers(nodes, reader)),
        tuple(_included(nodes)),
        tuple(_routes(nodes)),
        frozenset(_mounted(nodes)),
        frozenset(_owners(nodes)),
        any(isinstance(node, ast.Name | ast.alias) and _name_of(node) == _HOST_CHECK for node in nodes),
    )


def _name_of(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name


def resolved(name: str, imports: Imports) -> str:
    """A dotted name as it is written, with where its first part was imported from."""
    first, dot, rest = name.partition(".")
    return f"{imports.get(first, first)}{dot}{rest}"


def _imports(nodes: Iterable[ast.AST]) -> Imports:
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.asname or alias.name.partition(".")[0]
                found.setdefault(whole, alias.name if alias.asname else whole)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    known = (each.rpartition(".") for each in (*_FRAMEWORKS, *_ROUTERS))
                    found |= {name: f"{module}.{name}" for origin, _, name in known if origin == module}
                else:
                    dot = "" if module.endswith(".") else "."
                    found.setdefault(alias.asname or alias.name, f"{module}{dot}{alias.name}")
    return found


def _subclasses(tree: ast.Module, imports: Imports) -> Mapping[str, Framework]:
    found: dict[str, Framework] = {}
    for statement in top_level(tree.body):
        if isinstance(statement, ast.ClassDef):
            for base in statement.bases:
                name = resolved(dotted(base), imports)
                if framework := _FRAMEWORKS.get(name) or found.get(name):
                    found[statement.name] = framework
    return found


class _Reader:
    """Knows what the names of one module stand for."""

    def __init__(self, imports: Imports, frameworks: Mapping[str, Framework]) -> None:
        self._imports, self._frameworks = imports, frameworks

    def framework(self, node: ast.AST | None) -> Framework | None:
        """The framework whose class a name stands for; also one that is written as text."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._frameworks.get(resolved(node.value, self._imports))
        return self._frameworks.get(resolved(dotted(node), self._imports))

    def is_router(self, call: ast.Call) -> bool:
        """Whether a call makes a router or blueprint."""
        return resolved(dotted(call.func), self._imports) in _ROUTERS

    def served(self, statement: ast.stmt) -> Iterator[Served]:
        """The applications and factories that a top-level statement binds to names."""
        for name, call in _assigned(statement):
            if framework := self.framework(call.func):
                yield Served(name, framework, call.lineno, guarded=_has(call, "dependencies"))
        if isinstance(statement, ast.FunctionDef) and (framework := self._made_by(statement)):
            guarded = any(
                _has(node, "dependencies")
                for node in ast.walk(statement)
                if isinstance(node, ast.Call) and self.framework(node.func)
            )
            arguments = statement.args
            positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
            takes = positional > 0 or any(default is None for default in arguments.kw_defaults)
            yield Served(statement.name, framework, statement.lineno, True, guarded, takes)

    def _made_by(self, function: ast.FunctionDef) -> Framework | None:
        """The framework of the application that a function makes, None for one that gives back something
        else."""
        if framework := self.framework(function.returns):
            return framework
        nodes = list(ast.walk(function))
        made = {name: call for node in nodes if isinstance(node, ast.stmt) for name, call in _assigned(node)}
        for node in nodes:
            if isinstance(node, ast.Return):
                value: ast.expr | None = node.value
                call = made.get(value.id) if isinstance(value, ast.Name) else value
                if isinstance(call, ast.Call) and (framework := self.framework(call.func)):
                    return framework
        return None


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.Call]]:
    """Each name that a statement binds to the result of a call."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.target, ast.Name)
    ):
        yield statement.target.id, statement.value


def _has(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name for keyword in call.keywords)


def _prefix(call: ast.Call, name: str) -> str | None:
    """The text of an argument, '' where it is not given, None where the source does not tell it."""
    if _has(call, "dependencies") or any(keyword.arg is None for keyword in call.keywords):
        return None
    given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if given is None:
        return ""
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _routers(nodes: Iterable[ast.AST], reader: _Reader) -> Iterator[Router]:
    for node in nodes:
        if isinstance(node, ast.stmt):
            for name, call in _assigned(node):
                if reader.is_router(call):
                    key = "url_prefix" if dotted(call.func).endswith("Blueprint") else "prefix"
                    yield Router(name, _prefix(call, key))


def _method_calls(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str, ast.Call]]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield dotted(node.func.value), node.func.attr, node


def _included(nodes: Iterable[ast.AST]) -> Iterator[Included]:
    for owner, method, call in _method_calls(nodes):
        if method in _INCLUDES and call.args:
            key = "prefix" if method == "include_router" else "url_prefix"
            yield Included(owner, dotted(call.args[0]), _prefix(call, key))


def _mounted(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for _, method, call in _method_calls(nodes):
        if method == "mount":
            given = [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "app")]
            yield from filter(None, map(dotted, given))


def _owners(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What has a route, a router or another part put into it."""
    for owner, method, _ in _method_calls(nodes):
        if method in _INCLUDES | {"get", "post", "route", "api_route", "mount", "add_middleware"}:
            yield owner


def _routes(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _asks_for_more(node):
            # Another decorator may ask for a login.
            found = [route for decorator in node.decorator_list if (route := _route(decorator))]
            if len(found) == len(node.decorator_list):
                yield from found


def _route(decorator: ast.expr) -> tuple[str, str] | None:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return None
    first = decorator.args[0] if decorator.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    methods = next((keyword.value for keyword in decorator.keywords if keyword.arg == "methods"), None)
    takes = methods is None or "GET" in ast.dump(methods)
    answers = decorator.func.attr in {"get", "route", "api_route"} and takes
    if not answers or _has(decorator, "dependencies"):
        return None
    return dotted(decorator.func.value), first.value


def _asks_for_more(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a handler takes what a plain GET does not bring: a login, a database that may be away."""
    told = ast.dump(function.args)
    arguments = function.args
    needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return bool(needed) or "Depends" in told or "Security" in told or "Header" in told

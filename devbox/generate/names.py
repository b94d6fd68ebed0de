"""Which file a dotted name means within a project. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from devbox.generate.values import Module, Served

_DEEPEST = 5


class Names:
    """The modules of a project by every name under which one could be imported."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(modules, key=lambda path: (path.count("/"), path)):
            parts = module_parts(path)
            for start in range(len(parts)):
                self._by_name.setdefault(".".join(parts[start:]), []).append(path)

    def find(self, dotted: str, importer: str) -> tuple[Module, str] | None:
        """The module that a name imported in `importer` lies in, and the rest of the name; '' for the module
        itself."""
        if dotted.startswith("."):
            folder = posixpath.dirname(importer)
            level = len(dotted) - len(dotted.lstrip("."))
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return self._below(folder, dotted.lstrip("."))
        parts = dotted.split(".")
        for end in range(len(parts), 0, -1):
            if paths := self._by_name.get(".".join(parts[:end])):
                near = max(paths, key=lambda path: len(posixpath.commonprefix([path, importer])))
                return self.modules[near], ".".join(parts[end:])
        return None

    def _below(self, folder: str, dotted: str) -> tuple[Module, str] | None:
        parts = [part for part in dotted.split(".") if part]
        for end in range(len(parts), -1, -1):
            base = posixpath.join(folder, *parts[:end])
            for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
                if path in self.modules:
                    return self.modules[path], ".".join(parts[end:])
        return None

    def served(self, dotted: str, importer: str) -> tuple[Module, Served] | None:
        """The application or factory that an imported name means, also one that is handed on."""
        for _ in range(_DEEPEST):
            found = self.find(dotted, importer)
            if found is None:
                return None
            module, name = found
            for one in module.served:
                if one.name == name:
                    return module, one
            if name not in module.imports:
                return None
            dotted, importer = module.imports[name], module.path
        return None


def module_parts(path: str) -> list[str]:
    """The parts of a module's dotted name, from the project's folder on."""
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts

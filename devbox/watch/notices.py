"""What people should know about the paths that they are about to send to a builder."""

from __future__ import annotations

from collections.abc import Iterable

_KEY_NAMES = frozenset(
    {"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".git-credentials"}
    | {".pgpass", ".dockercfg", "credentials.json", "service-account.json", "client_secret.json"}
)
_KEY_ENDINGS = (".pem", ".key", ".p12", ".pfx")
_KEY_PATHS = (".aws/credentials", ".docker/config.json", "application_default_credentials.json")
_PUBLIC = frozenset({"cacert.pem"})  # certifi's list of authorities, in every virtual environment
_TEMPLATES = (".example", ".sample", ".template", ".dist")


def notices(paths: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each sort of thing that hardly belongs into an image, sorted."""
    found: dict[str, list[str]] = {}
    for path in paths:
        name = path.rpartition("/")[2]
        if (sort := _sort_of(path, name)) and not (sort == _HISTORY and "/.git/" in f"/{path}"):
            found.setdefault(sort, []).append(path)
    return tuple(sorted(_sentence(sort, sorted(paths)) for sort, paths in found.items()))


def is_secret(path: str) -> bool:
    """Whether a path's name says that its content must not be shown."""
    return _sort_of(path, path.rpartition("/")[2]) in {_ENVIRONMENT, _KEYS}


_HISTORY = "the repository's history"
_ENVIRONMENT = "an env file, which often holds secrets"
_KEYS = "a key or a password"


def _sort_of(path: str, name: str) -> str:
    if name == ".git":
        return _HISTORY
    if name == ".env" or (name.startswith(".env.") and not name.endswith(_TEMPLATES)):
        return _ENVIRONMENT
    if (
        name in _KEY_NAMES
        or path.endswith(_KEY_PATHS)
        or (name.endswith(_KEY_ENDINGS) and name not in _PUBLIC)
    ):
        return _KEYS
    return ""


def _sentence(sort: str, paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more} is part of the build context: {sort}; .dockerignore keeps it out of images"

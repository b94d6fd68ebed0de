"""The values of build secrets, read when a build is about to start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from devbox.errors import ConfigError
from devbox.model import SecretSource

# BuildKit takes no larger one (moby/buildkit, session/secrets, MaxSecretSize).
_LARGEST = 500 * 1024


def read_secrets(sources: Iterable[SecretSource], root: Path, environ: Mapping[str, str]) -> dict[str, bytes]:
    """The values by id; a variable that is not set gives none, as with `docker build --secret`.

    Blocks on the disk. Raises ConfigError for a file that cannot be read or is too large.
    """
    values: dict[str, bytes] = {}
    for source in sources:
        if source.file:
            values[source.id] = _content(source, root)
        elif source.variable in environ:
            values[source.id] = environ[source.variable].encode(errors="surrogateescape")
    return values


def _content(source: SecretSource, root: Path) -> bytes:
    what = f"the secret '{source.id}' cannot be read"
    try:
        path = root / Path(source.file).expanduser()
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            what, cause=f"{source.file} is not there", hint="create it, or name another file"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ConfigError(what, cause=str(error)) from error
    if len(content) > _LARGEST:
        raise ConfigError(what, cause=f"{source.file} is larger than {_LARGEST // 1024} KiB")
    return content

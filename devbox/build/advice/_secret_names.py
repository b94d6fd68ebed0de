"""Secrets in ARG and ENV, which every image keeps in its history."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devbox.build.advice._place import Place
from devbox.build.advice.values import Advice
from devbox.build.dockerfile import Instruction

# The name that BuildKit's own build checks have for it.
SECRET = "SecretsUsedInArgOrEnv"

_SECRET = re.compile(
    r"(?:^|_)(?:api_?key|credentials?|password|passwd|pword|secret|token)(?:_|$)|(?:^|_)auth$|_key$|^key$",
    re.IGNORECASE,
)
# A name that goes on so tells something about a secret, and not the secret.
_ABOUT = (
    *("file", "path", "dir", "folder", "url", "uri", "host", "name", "user", "id", "type", "algorithm"),
    *("header", "prefix", "suffix", "length", "size", "ttl", "timeout", "lifetime", "seconds", "minutes"),
    *("hours", "days", "backends?", "providers?", "method", "class", "mode", "scheme", "enabled", "required"),
    *("disabled", "expiry", "expires?", "limit", "max", "min", "count", "version", "audience", "issuer"),
    *("scopes?", "domain", "realm", "service", "server", "endpoint", "location", "strategy", "policy"),
    *("hashers?", "managers?", "arn", "ref", "engine", "stor(?:e|age)", "format", "encoding", "cookie"),
    *("bucket", "region", "field", "param", "claim", "plugin", "module", "driver", "handler", "validators?"),
    *("alg", "template", "rules", "rate", "interval", "period", "retries", "budget"),
)
_NO_SECRET = re.compile(
    r"(?:^|_)(?:public|pub|gpg|cache|sort|primary|foreign|partition|host|routing|object|config|redis|s3|dedup"
    r"|feature|index|shard|lookup|message|group)(?:_|$)"
    rf"|_(?:{'|'.join(_ABOUT)})$|_expire",
    re.IGNORECASE,
)
# Where a secret is to be found, or who has it.
_ELSEWHERE = re.compile(r"\.{0,2}/[^:@]*|https?://[^@]*|arn:.*", re.IGNORECASE)
_NO_VALUE = re.compile(r"(?:true|false|yes|no|on|off|none|null|\d{1,6})?", re.IGNORECASE)


def secrets(place: Place) -> Iterator[Advice]:
    """Each ARG and ENV whose name says that it holds a secret."""
    for instruction in (
        *place.dockerfile.global_args,
        *(each for stage in place.closure for each in stage.instructions),
    ):
        if instruction.keyword in ("ARG", "ENV"):
            for name, value in instruction.pairs:
                if _holds_secret(instruction.keyword, name, value):
                    yield _advice(place, instruction, name)


def _holds_secret(keyword: str, name: str, value: str | None) -> bool:
    if not _SECRET.search(name) or _NO_SECRET.search(name):
        return False
    # Without a value an ARG is there to be given one.
    if value is None and keyword == "ARG":
        return True
    text = (value or "").strip("\"'")
    return not _NO_VALUE.fullmatch(text) and not _ELSEWHERE.fullmatch(text)


def _advice(place: Place, instruction: Instruction, name: str) -> Advice:
    message = f"{name} is kept in the image's history, where everybody reads it who has the image"
    if instruction.keyword == "ENV":
        return place.advice(
            SECRET,
            instruction,
            message,
            f"leave it out, and give {name} to the container: environment or env_file in devbox.toml",
            better=() if len(instruction.pairs) == 1 else None,
        )
    identity = name.lower()
    hint = f'mount it as a secret, which devbox.toml names: [secrets.{identity}] env = "{name}"'
    better, span = _mounting(place, instruction, name, identity)
    return place.advice(SECRET, instruction, message, hint, better=better, span=span)


def _mounting(
    place: Place, argument: Instruction, name: str, identity: str
) -> tuple[tuple[str, ...] | None, tuple[int, int]]:
    """The lines from an ARG to the one RUN that uses it, with its secret's file in the place of the variable;
    None where that is not so plain."""
    variable = re.compile(rf"\$(?:\{{{re.escape(name)}\}}|{re.escape(name)}\b)")
    used = re.compile(rf"\$\{{?{re.escape(name)}\b")
    users = [
        each
        for each in place.dockerfile.instructions
        if each.stage == argument.stage and each.line > argument.line and used.search(each.text)
    ]
    if len(users) != 1 or len(argument.pairs) != 1 or argument.stage < 0:
        return None, (0, 0)
    user = users[0]
    # Within single quotes nothing is replaced.
    if user.keyword != "RUN" or user.heredocs or user.json or "'" in user.text:
        return None, (0, 0)

    def change(old: str) -> str:
        new = variable.sub(lambda _: f"$(cat /run/secrets/{identity})", old)
        return re.sub(r"^\s*", f" --mount=type=secret,id={identity} ", new, count=1)

    mounted = place.rewritten(user, change)
    if mounted is None:
        return None, (0, 0)
    between = place.lines[argument.end_line : user.line - 1]
    return (*between, *mounted), (argument.line, user.end_line)

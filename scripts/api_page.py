"""Writes docs/api.md out of the control API's own OpenAPI description.

python -m scripts.api_page
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from devbox.daemon.api.app import Controls, application

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"

_HEAD = """# The control API

Written by `make docs` from the description that a running devbox gives itself at `/v1/openapi.json`.

A running devbox answers HTTP on the unix socket `api.sock` in the project's runtime directory
(`$XDG_RUNTIME_DIR/devbox/KEY/`), for its own user only. Verbs that ask a running devbox go this way.

    curl --unix-socket "$SOCKET" http://devbox/v1/status

What is refused has a body of the form Refusal, with status 409, or 503 where the engine is the reason. Within
`v1` fields are added, never taken away. The events are those of `devbox events --schema`.
"""


def page() -> str:
    """The page, from the application of this version."""
    # Nothing is asked of the control: only the description is read.
    described = application(cast("Controls", None)).openapi()
    return "\n".join([_HEAD, *_paths(described), *_forms(described)]).rstrip() + "\n"


def _paths(described: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"## {method.upper()} {path}\n"
            yield f"{operation['summary']}.\n"
            if "description" in operation:
                yield f"{operation['description']}\n"
            for parameter in operation.get("parameters", ()):
                text = parameter.get("description", "")
                yield f"- `{parameter['name']}` ({parameter['in']}): {text or _kind(parameter['schema'])}\n"
            body = operation.get("requestBody")
            if body is not None:
                yield f"Takes {_kind(body['content']['application/json']['schema'])}.\n"
            for status, answer in operation["responses"].items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema")
                if status.startswith("2") and schema:
                    yield f"Gives {_kind(schema)}, with status {status}.\n"


def _forms(described: Mapping[str, Any]) -> Iterator[str]:
    for name, form in described["components"]["schemas"].items():
        # Of FastAPI's own forms and of the events nothing is told here.
        if form.get("properties", {}).keys() & {"kind", "loc"} or name == "HTTPValidationError":
            continue
        yield f"## {name}\n"
        if "description" in form:
            yield f"{' '.join(form['description'].split())}\n"
        for field, schema in form.get("properties", {}).items():
            text = schema.get("description", "")
            yield f"- `{field}`: {_kind(schema)}{f'; {text}' if text else ''}"
        yield ""


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "discriminator" in schema:
        return "an event"
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("type", "anything"))


if __name__ == "__main__":
    PAGE.write_text(page())

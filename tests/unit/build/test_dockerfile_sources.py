"""What COPY, ADD and bind mounts read from the build context."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import ContextSource, context_sources, parse


def sources(line: str, variables: dict[str, str] | None = None) -> tuple[ContextSource, ...]:
    return context_sources(parse(f"FROM a\n{line}\n").instructions[1], variables)


@pytest.mark.parametrize(
    ("line", "patterns"),
    [
        ("COPY requirements.txt ./", ["requirements.txt"]),
        ("COPY ./requirements.txt app/ /x/", ["requirements.txt", "app"]),
        ("COPY . .", [""]),
        ("COPY / /x", [""]),
        ("COPY ../../etc/x /x", ["etc/x"]),
        ("COPY a/../b//c /x", ["b/c"]),
        ('COPY ["a b", "c", "/x/"]', ["a b", "c"]),
        ("COPY --from=stage a b", []),
        ("COPY $DIR/*.py ${NO}x /x/", ["src/*.py", "x"]),
        ("COPY bin-${ARCH} /x", ["bin-*"]),
        ("COPY <<EOF a.txt /x/\nb\nEOF", ["a.txt"]),
        ("ADD a https://example.org/b git@example.org:c/d.git /x/", ["a"]),
        ("ADD --checksum=sha256:00 https://example.org/b /x", []),
        ("RUN --mount=type=bind,source=a/b,target=/x --mount=target=/y c", ["a/b", ""]),
        ("RUN --mount=type=cache,target=/x --mount=type=bind,from=s,source=a,target=/y c", []),
        ("RUN --mount=type=bind,src=$DIR,dst=/x c", ["src"]),
        ("RUN cp a b", []),
        ("ENV A=1", []),
        ("WORKDIR /x", []),
    ],
)
def test_patterns(line: str, patterns: list[str]) -> None:
    found = sources(line, {"DIR": "src", "ARCH": "${TARGETARCH}"})
    assert [source.pattern for source in found] == patterns


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("requirements.txt", "requirements.txt", True),
        ("requirements.txt", "requirements-dev.txt", False),
        ("requirements.txt", "app/requirements.txt", False),
        ("app", "app/main.py", True),
        ("app", "app/deep/er/main.py", True),
        ("app", "app", True),
        ("app/", "app/main.py", True),
        ("app", "apple/main.py", False),
        ("app/main.py", "app", True),
        ("app/main.py", "app/other.py", False),
        (".", "anything/at/all", True),
        ("*", "a.py", True),
        ("*", "deep/a.py", True),
        ("*.py", "a.py", True),
        ("*.py", "deep/a.py", False),
        ("*/*.py", "deep/a.py", True),
        ("req*.txt", "requirements.txt", True),
        ("?.txt", "a.txt", True),
        ("?.txt", "ab.txt", False),
        ("[ab].txt", "a.txt", True),
        ("[ab].txt", "c.txt", False),
        ("[^ab].txt", "c.txt", True),
        ("[a-c].txt", "b.txt", True),
        ("[c-a].txt", "b.txt", False),
        ("[^c-a].txt", "b.txt", True),
        ("[\\]].txt", "].txt", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("{a,b}", "a", False),
        ("A", "a", False),
        ("a.b", "axb", False),
        ("[a", "whatever-a-malformed-pattern-meant", True),
        ("a[]", "x", True),
        ("a\\", "x", True),
        ("ü*", "über", True),
    ],
)
def test_matching(source: str, path: str, expected: bool) -> None:
    # One backslash is left of two after JSON, and of two again after substitution.
    written = source.replace("\\", "\\" * 4)
    (found,) = sources(f'COPY ["{written}", "/x"]')
    assert found.matches(path) is expected


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("COPY --exclude=*.md . /x", "README.md", False),
        ("COPY --exclude=*.md . /x", "docs/README.md", True),
        ("COPY --exclude=**/*.md . /x", "docs/README.md", False),
        ("COPY --exclude=**/*.md . /x", "README.md", False),
        ("COPY --exclude=docs . /x", "docs/README.md", False),
        ("COPY --exclude=*.md docs /x", "docs/README.md", False),
        ("COPY --exclude=*.md docs /x", "docs/a.txt", True),
        ("COPY --exclude=*.txt hom* /x", "home.txt", False),
        ("COPY --exclude=[ab].txt . /x", "a.txt", False),
        ("COPY --exclude=a" + "\\" * 4 + "?b . /x", "axb", True),
        ("COPY --exclude=a** . /x", "a/b/c", False),
        ("COPY --exclude=t app/t.py /x", "app", True),
        ("COPY --parents src/**/*.py /x", "src/a/b/c.py", True),
        ("COPY --parents src/**/*.py /x", "src/a/b/c.js", False),
        ("COPY --parents ./src/./*.py /x", "src/a.py", True),
        ("COPY --parents --exclude=**/x.py src /x", "src/x.py", False),
    ],
)
def test_excludes_and_parents(line: str, path: str, expected: bool) -> None:
    (found,) = sources(line)
    assert found.matches(path) is expected

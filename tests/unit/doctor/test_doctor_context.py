from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.build.dockerfile import BuildStep, build_steps, parse
from devbox.doctor.context import context, parts, secrets
from devbox.doctor.finding import State
from devbox.model import Entry, Kind

NAMES = st.sampled_from(["a", "b.py", ".git", "node_modules", "__pycache__", "venv", "c"])
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.integers(0, 10**9))


def entries(**sizes: int) -> dict[str, Entry]:
    return tree({name.replace("__", "/"): size for name, size in sizes.items()})


def tree(sizes: dict[str, int]) -> dict[str, Entry]:
    return {path: Entry(Kind.FILE, 0o644, size=size) for path, size in sizes.items()}


def steps(*lines: str) -> tuple[BuildStep, ...]:
    dockerfile = parse("\n".join(["FROM base", *lines]), "Dockerfile")
    return build_steps(dockerfile, dockerfile.stages[-1], {})


@given(TREES)
def test_every_file_is_counted_once(sizes: dict[str, int]) -> None:
    found = parts(tree(sizes))
    assert sum(part.files for part in found) == len(sizes)
    assert sum(part.size for part in found) == sum(sizes.values())
    assert [part.size for part in found] == sorted((part.size for part in found), reverse=True)


def test_what_tools_made_is_a_part_of_its_own_wherever_it_lies() -> None:
    found = parts(tree({"web/src/a.js": 1, "web/node_modules/x/node_modules/y.js": 5, ".git/HEAD": 2}))
    assert [(part.name, part.size) for part in found] == [
        ("web/node_modules/", 5),
        (".git/", 2),
        ("web/", 1),
    ]


def test_a_small_context_is_weighed() -> None:
    every = tree({"app/main.py": 2000, "README.md": 500, "Dockerfile": 100, ".dockerignore": 1})
    sent = {path: entry for path, entry in every.items() if path != "README.md"}
    (found,) = context(every, sent, ".dockerignore")
    assert found.state is State.OK
    assert found.text == (
        "3 files, 2.1 kB for the builder (of 4 files in the context);"
        " biggest: app/ 2.0 kB, Dockerfile 100 bytes, .dockerignore 1 byte"
    )


def test_folders_are_no_files_and_an_empty_context_is_fine() -> None:
    (found,) = context({"app": Entry(Kind.DIRECTORY, 0o755)}, {}, ".dockerignore")
    assert found.text == "0 files, 0 bytes for the builder"


def test_a_big_context_names_what_makes_it_big() -> None:
    every = tree({"models/a.bin": 300_000_000, "app/main.py": 2000, "dump.sql": 90_000_000})
    (found,) = context(every, every, ".dockerignore")
    assert found.state is State.WARNING
    assert found.next_step == ("unless the image needs it, add to .dockerignore the lines models, dump.sql")


def test_what_no_image_needs_is_told_even_where_no_copy_takes_it() -> None:
    every = tree({".git/HEAD": 20, "web/node_modules/x.js": 1_000_000, "app/__pycache__/a.pyc": 5})
    weighed, useless = context(every, {}, "Dockerfile.dockerignore")
    assert weighed.state is State.OK
    assert useless.state is State.WARNING
    assert "web/node_modules/ (1 file, 1.0 MB), .git/ (1 file, 20 bytes)" in useless.text
    assert useless.next_step == (
        "add to Dockerfile.dockerignore the lines **/node_modules, .git, **/__pycache__"
    )


def test_a_secret_counts_where_an_instruction_takes_it() -> None:
    every = tree({"app/main.py": 1, ".env": 1, "certs/server.key": 1})
    found = secrets(every, steps("RUN true", "COPY . ."), (), ".dockerignore")
    assert found.state is State.WARNING
    assert found.text == ".env, certs/server.key go into the build: COPY . . (line 3)"
    assert found.next_step == (
        "add to .dockerignore the lines .env, certs/server.key;"
        ' env_file = ".env" in devbox.toml gives its variables to the application'
    )


def test_an_env_file_that_is_given_anyway_needs_only_its_line() -> None:
    found = secrets(tree({".env": 1}), steps("COPY . ."), (".env",), ".dockerignore")
    assert found.next_step == "add to .dockerignore the line .env"


def test_secrets_that_nothing_takes() -> None:
    every = tree({"app/main.py": 1, ".env": 1, ".env.example": 1, "cacert.pem": 1})
    found = secrets(every, steps("COPY app app"), (), ".dockerignore")
    assert (found.state, found.text) == (State.OK, ".env in the build context, and no instruction takes it")
    folder = {"keys.pem": Entry(Kind.DIRECTORY, 0o755)}
    assert "looks like one" in secrets(folder, steps("COPY . ."), (), ".dockerignore").text


def test_a_bind_mount_takes_secrets_too() -> None:
    mount = "RUN --mount=type=bind,source=conf,target=/conf make"
    found = secrets(tree({"conf/.aws/credentials": 1, "x.py": 1}), steps(mount), (), ".dockerignore")
    assert found.state is State.WARNING
    assert "(line 2)" in found.text

"""The hook of a standby in a real container, and its files against those of the image that was built."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import docker
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.context import read_staged
from devbox.build.dockerfile import parse
from devbox.build.job import BuildJob
from devbox.build.staging import stage, survey
from devbox.engine import connect
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerSpec
from devbox.errors import BuildFailed, StandbyFailed
from devbox.model import LABEL_PROJECT, Cold, Kind, Plan, Snapshot, StagedFile, StagedPath
from devbox.release.probe import Readiness
from devbox.release.standby.look import directories_among
from devbox.release.standby.spare import Spare, prepare
from devbox.release.standby.wire import MARKER, Orders, environment
from devbox.release.warm import boot
from devbox.watch.scanner import Scanner
from tests.contract.engine_contract import request_of, tar_of
from tests.engine.conftest import RealLab
from tests.unit.daemon.kit import until

# What an application can find out about how it was begun.
_TELL = """
import json, os, sys, time
finders = [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path]
print(json.dumps([
    sys.argv, str(sys.flags), sys.path, sorted(os.environ), os.getcwd(), sys.dont_write_bytecode,
    [name for name in finders if name != "_Recorder"],
    getattr(sys.modules.get("sitecustomize"), "__file__", None),
    os.readlink("/proc/self/fd/0"), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")),
    os.path.exists("/.devbox-standby"),
]), flush=True)
time.sleep(60)
"""
_DOCKERFILE = """\
FROM python:3.13-slim
COPY app.py mine.py culprit.py /opt/
RUN mkdir -p $(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])') && \\
    mv /opt/culprit.py $(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"""


async def image_of(lab: RealLab, app: str, culprit: str = "") -> str:
    """An image with an application, a module beside it, and one among the installed packages."""
    request = request_of(lab, "")
    files = {"Dockerfile": _DOCKERFILE, "app.py": app, "mine.py": "", "culprit.py": culprit}
    messages = [message async for message in lab.engine.build(request, iter([tar_of(files)]))]
    assert not any("error" in message for message in messages), messages
    return request.tag


async def begun(lab: RealLab, image: str, orders: Orders) -> Spare:
    """A standby of `python /opt/app.py -x`."""
    return await prepare(lab.engine, spec_of(lab, image, standby=True), orders)


def spec_of(lab: RealLab, image: str, *, standby: bool) -> ContainerSpec:
    env = {"PYTHONPATH": "/opt"}
    return ContainerSpec(
        f"{lab.project}-{'standby' if standby else 'cold'}",
        image,
        {LABEL_PROJECT: lab.project},
        environment=environment(env) if standby else env,
        entrypoint=("python",),
        command=("/opt/app.py", "-x"),
        stdin=standby,
    )


async def first_line(lab: RealLab, container: str) -> str:
    """What the application wrote first."""
    async for piece in lab.engine.logs(container, follow=True):
        if not piece.line.startswith(MARKER):
            return piece.line
    raise AssertionError("it wrote nothing")


async def test_what_the_application_sees_is_what_a_cold_start_shows(lab: RealLab) -> None:
    image = await image_of(lab, _TELL)
    spare = await begun(lab, image, Orders(("json", "asyncio", "email.message")))
    cold = await lab.engine.create(spec_of(lab, image, standby=False))
    await lab.engine.start(cold)
    await spare.go(())
    assert await first_line(lab, spare.facts.id) == await first_line(lab, cold)
    assert spare.ready.modules > 100
    await spare.leave()


async def test_it_ends_when_whoever_made_it_is_gone(lab: RealLab) -> None:
    spare = await begun(lab, await image_of(lab, "print('never')"), Orders())
    await spare.leave()
    assert await lab.engine.wait(spare.facts.id) == 0
    written = [piece.line async for piece in lab.engine.logs(spare.facts.id, follow=False)]
    assert [line for line in written if not line.startswith(MARKER)] == []


_THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"


@pytest.mark.parametrize(
    ("culprit", "why"),
    [
        (_THREAD, "it started a thread"),
        ("import socket\ns = socket.socket()\n", "it opened a socket"),
        ("import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)\n", "it took a signal"),
        ("import os\nos.environ['SEEN'] = '1'\n", "it changed the environment"),
        ("import time\ntime.sleep = lambda _: None\n", "it patches others"),
        ("import mine\n", "it loaded /opt/mine.py"),
    ],
)
async def test_a_module_that_must_not_be_loaded_early_is_named(lab: RealLab, culprit: str, why: str) -> None:
    image = await image_of(lab, "print(1)", culprit)
    with pytest.raises(StandbyFailed) as caught:
        await begun(lab, image, Orders(("json", "culprit", "html")))
    assert (caught.value.offender, caught.value.what) == ("culprit", why)
    assert await lab.engine.containers(lab.project) == ()


async def test_a_module_of_the_project_is_not_loaded(lab: RealLab) -> None:
    image = await image_of(lab, "import sys\nprint('mine' in sys.modules, 'html' in sys.modules)\n")
    spare = await begun(lab, image, Orders(("mine", "html", "no_such_module")))
    await spare.go(())
    assert await first_line(lab, spare.facts.id) == "False True"
    await spare.leave()


async def test_a_standby_that_gives_up_after_go_says_why(lab: RealLab) -> None:
    spare = await begun(lab, await image_of(lab, "print('never')"), Orders())

    async def files() -> tuple[StagedFile, ...]:
        return (StagedFile(StagedPath("/opt/sitecustomize.py", Kind.FILE, mode=0o644)),)

    info = await lab.engine.info()
    with pytest.raises(StandbyFailed) as caught:
        await boot(lab.engine, info, spare, files, Readiness(8000), lambda _: None)
    assert caught.value.what == "/opt/sitecustomize.py changes how the interpreter starts"
    await spare.discard()


NAMES = st.sampled_from(["a", "b", "dir", "dir/a", "dir/b", "dir/sub", "dir/sub/a", "é"])
CONTENT = st.sampled_from(["file 1", "file 2", "exec 1", "link a", "link nowhere", "/"])
TREES = st.dictionaries(NAMES, CONTENT, min_size=1)
FLAGS = st.sampled_from(["", "--chown=1000:2000 ", "--chmod=0751 ", "--chown=nobody ", "--chown=7 "])
COPIES = st.lists(
    st.tuples(
        FLAGS,
        st.sampled_from(
            [
                ". /w/",
                ". .",
                "dir /w/dir",
                "dir /w/other/",
                "dir .",
                "base base",
                "base /w/x",
                "base dir/ /w/",
            ]
        ),
    ),
    min_size=1,
    max_size=3,
)
EXPLORING = settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def write(root: Path, tree: Mapping[str, str]) -> None:
    """Makes the folder hold this tree and "base", which is always there."""
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (root / "dir").mkdir()
    (root / "base").write_text("base")
    for name, content in sorted(tree.items()):
        path = root / name
        if any(parent.is_symlink() or parent.is_file() for parent in path.parents if parent != root):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() or path.is_symlink():
            continue
        if content == "/":
            path.mkdir()
        elif content.startswith("link "):
            path.symlink_to(content[5:])
        else:
            path.write_text(content)
            path.chmod(0o755 if content.startswith("exec") else 0o640)


@given(before=TREES, after=TREES, copies=COPIES, user=st.sampled_from(["", "USER 1000\n"]))
@EXPLORING
async def test_a_standby_s_files_equal_the_image_s(
    before: dict[str, str], after: dict[str, str], copies: list[tuple[str, str]], user: str
) -> None:
    lines = "".join(f"COPY {flags}{places}\n" for flags, places in copies)
    text = f"FROM python:3.13-slim\nWORKDIR /w\nRUN mkdir -p /w/other /w/x && echo low > /w/b\n{lines}{user}"
    engine = await connect()
    made: list[str] = []
    client = docker.from_env()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        try:
            write(root, before)
            old, first = await _built(engine, root, text, "before")
            labels = {"dev.devbox.project": "staging-test"}
            spec = ContainerSpec(
                f"staging-{root.name}".lower(),
                first,
                labels,
                environment=environment({}),
                entrypoint=("python",),
                command=("-c", "import time; time.sleep(60)"),
                stdin=True,
            )
            dockerfile = parse(text)
            asked, owners = survey(dockerfile, {}, "")
            spare = await prepare(engine, spec, Orders(owners=owners))
            made.append(spare.facts.id)
            folders = await directories_among(engine, spare.facts.id, asked)
            write(root, after)
            new, second = await _built(engine, root, text, "after")
            found = stage(dockerfile, {}, "", old, new, is_directory=folders.__contains__)
            fresh = await engine.create(ContainerSpec(f"{spec.name}-new", second, labels))
            made.append(fresh)
            if isinstance(found, Cold):
                return
            for path in found.paths:
                # What a layer below brings along is found out by looking, and goes the rolling way.
                if path.kind is None and await engine.exists(fresh, path.target):
                    return
            await spare.go(read_staged(root, new, {}, found))
            await until(lambda: _tree(client, spare.facts.id) == _tree(client, fresh))
            await spare.leave()
        except BuildFailed:
            # A folder is not copied over a file of a layer below.
            return
        except AssertionError:
            raise AssertionError(f"{text}\n{_tree(client, made[0])}\n{_tree(client, made[1])}") from None
        finally:
            for container in made:
                await engine.remove_container(container)
            client.close()
            await engine.close()


async def _built(engine: Engine, root: Path, dockerfile: str, tag: str) -> tuple[Snapshot, str]:
    snapshot = Scanner(root).scan()
    job = BuildJob(
        number=1,
        tag=f"devbox/staging-test:{tag}",
        root=root,
        snapshot=snapshot,
        plan=Plan(""),
        dockerfile=".Dockerfile",
        labels={},
        extra={".Dockerfile": dockerfile.encode()},
    )
    image = await BuildKitBuilder(engine).build(job, lambda _: None)
    return snapshot, image.id


def _tree(client: docker.DockerClient, container: str) -> dict[str, tuple[object, ...]]:
    pieces, _ = client.api.get_archive(container, "/w")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        return {
            item.name: (
                item.type,
                item.mode,
                item.uid,
                item.gid,
                item.linkname,
                content.read() if item.isfile() and (content := tar.extractfile(item)) else b"",
            )
            for item in tar
        }

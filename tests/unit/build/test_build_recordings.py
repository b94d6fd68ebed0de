"""Real answers of a real engine, replayed: what the two builders make of them."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

import pytest

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.classic import ClassicBuilder
from devbox.build.job import Builder
from devbox.engine.values import BuildRequest
from devbox.errors import BuildFailed, EngineRefused, EngineUnreachable
from devbox.events import BuildStep
from devbox.model import Image, Plan

from .traces import STREAMS, TRACE, Heard, Replay, job, recorded, recorded_traces, trace, vertex, wire

APP = (
    "FROM python:3.13-slim",
    "WORKDIR /app",
    "COPY requirements.txt .",
    "RUN echo installing && sleep 0.2",
    "COPY app app",
    "RUN echo done",
)


def builder_for(name: str) -> tuple[Builder, Replay]:
    engine = Replay(recorded(name))
    return (ClassicBuilder(engine) if name.startswith("classic") else BuildKitBuilder(engine)), engine


async def replay(name: str, plan: Plan | None = None) -> tuple[Image, Heard]:
    builder, _ = builder_for(name)
    heard = Heard()
    return await builder.build(job(plan=plan or Plan("a test")), heard), heard


async def fail(name: str) -> tuple[BuildFailed, Heard]:
    builder, _ = builder_for(name)
    heard = Heard()
    with pytest.raises(BuildFailed) as caught:
        await builder.build(job(), heard)
    return caught.value, heard


def summary(image: Image) -> list[str]:
    assert [step.index for step in image.steps] == list(range(1, len(image.steps) + 1))
    assert {step.total for step in image.steps} == {len(image.steps)}
    return [" ".join(filter(None, (step.stage, step.state, step.instruction))) for step in image.steps]


def states(*words: str) -> list[str]:
    return [f"{word} {instruction}" for word, instruction in zip(words, APP, strict=True)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first", states("cached", "cached", "done", "done", "done", "done")),
        ("cached", states(*["cached"] * 6)),
        ("source_only", states("cached", "cached", "cached", "cached", "done", "done")),
        # Another build did the first two steps, and named them.
        ("beside_another", states("cached", "cached", "cached", "cached", "done", "done")),
        ("classic_first", states("cached", "done", "done", "done", "done", "done")),
        ("classic_cached", states(*["cached"] * 6)),
        (
            "stages",
            [
                "wheels cached FROM python:3.13-slim",
                "wheels done RUN echo wheel one",
                "wheels done RUN echo wheel two && sleep 0.2",
                "assets cached WORKDIR /assets",
                "assets done RUN echo style && sleep 0.3 && date > style.css",
                "stage-2 done COPY --from=wheels /etc/hostname /wheels",
                "stage-2 done COPY --from=assets /assets /assets",
                "stage-2 done RUN echo all [a 1/2] there",
            ],
        ),
        (
            "classic_stages",
            [
                "cached FROM python:3.13-slim AS one",
                "done RUN echo first",
                "cached FROM python:3.13-slim",
                "done COPY --from=one /etc/hostname /one",
            ],
        ),
    ],
)
async def test_the_image_and_its_steps(name: str, expected: list[str]) -> None:
    image, heard = await replay(name)
    assert summary(image) == expected
    assert image.id == last_image(name)
    # What was said last about each step is what the image has.
    said = {event.step.index: event.step.state for event in heard.events if isinstance(event, BuildStep)}
    assert [said[index] for index in sorted(said)] == [step.state for step in image.steps]


def last_image(name: str) -> object:
    found = [message["aux"] for message in recorded(name) if isinstance(message.get("aux"), dict)]
    return found[-1]["ID"]  # type: ignore[index] # a recorded dict


class Breaking(Replay):
    """An engine that goes away at the end of its answer."""

    async def build(
        self, request: BuildRequest, context: Iterator[bytes]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        async for message in super().build(request, context):
            yield message
            await asyncio.sleep(0)
        raise EngineUnreachable("the connection broke")


async def test_an_engine_that_goes_away_once_the_image_is_there_is_no_complaint() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    # Whoever builds need not ask for the rest.
    await BuildKitBuilder(Breaking(recorded("source_only"))).build(job(), Heard())
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=5)
    gc.collect()
    assert complaints == []


async def test_steps_are_said_as_they_happen_and_each_state_once() -> None:
    _, heard = await replay("first")
    assert heard.steps[:6] == [f"{place}/6 waiting {text}" for place, text in enumerate(APP, start=1)]
    assert heard.steps[6:] == [
        "1/6 cached FROM python:3.13-slim",
        "2/6 cached WORKDIR /app",
        "3/6 running COPY requirements.txt .",
        "3/6 done COPY requirements.txt .",
        "4/6 running RUN echo installing && sleep 0.2",
        "4/6 done RUN echo installing && sleep 0.2",
        "5/6 running COPY app app",
        "5/6 done COPY app app",
        "6/6 running RUN echo done",
        "6/6 done RUN echo done",
    ]
    assert len(set(heard.steps)) == len(heard.steps)
    assert heard.lines == [("RUN echo", "stdout", "installing"), ("RUN echo", "stdout", "done")]


async def test_seconds_are_those_of_the_engine() -> None:
    image, _ = await replay("first")
    assert 0.2 <= image.steps[3].seconds < 2
    assert image.steps[0].seconds < 0.1
    stages, _ = await replay("stages")
    # They ran beside each other, which the image's own seconds would not show.
    assert stages.steps[2].seconds >= 0.2
    assert stages.steps[4].seconds >= 0.3


async def test_the_reason_is_at_every_step_that_ran_and_at_no_cached_one() -> None:
    reasons = dict.fromkeys(APP, "app/main.py changed")
    for name in ("source_only", "classic_cached"):
        image, _ = await replay(name, Plan("app/main.py", reasons))
        assert all(bool(step.reason) != step.cached for step in image.steps)


@pytest.mark.parametrize("name", ["failing_run", "classic_failing_run"])
async def test_a_failing_run(name: str) -> None:
    error, heard = await fail(name)
    assert error.what == "RUN echo reason && echo oops >&2 && exit 3 (exit 3)"
    assert error.step == "RUN echo reason && echo oops >&2 && exit 3"
    assert (error.exit_status, error.cause, error.hint) == (3, "", "")
    assert error.log == ("reason", "oops")
    assert heard.steps[-1] == "3/4 failed RUN echo reason && echo oops >&2 && exit 3"
    assert heard.lines == [
        ("RUN echo", "stdout", "fine"),
        ("RUN echo", "stdout", "reason"),
        ("RUN echo", "stderr", "oops"),
    ]


async def test_a_step_beside_the_failing_one_is_cancelled_and_not_blamed() -> None:
    error, heard = await fail("parallel_failure")
    assert error.step == "RUN echo about to fail && sleep 0.5 && exit 7"
    assert error.exit_status == 7
    assert error.log == ("about to fail",)
    assert heard.steps[-2:] == [
        "4/6 failed RUN echo about to fail && sleep 0.5 && exit 7",
        "2/6 cancelled RUN echo slow && sleep 20",
    ]


@pytest.mark.parametrize("name", ["missing_copy", "classic_missing_copy"])
async def test_a_copy_of_what_is_not_there(name: str) -> None:
    error, heard = await fail(name)
    assert (error.what, error.step, error.exit_status) == ("COPY nothere.txt /", "COPY nothere.txt /", None)
    assert "nothere.txt" in error.cause
    assert "not found" in error.cause
    assert error.hint == "is nothere.txt in the build context, and not left out by .dockerignore?"
    assert heard.steps[-1] == "2/2 failed COPY nothere.txt /"


async def test_a_dockerfile_that_does_not_parse() -> None:
    error, heard = await fail("parse_error")
    assert error.cause == "dockerfile parse error line 2: unknown instruction: RUNN"
    assert error.hint == "look at line 2 of the Dockerfile"
    assert (error.step, error.log, heard.steps) == ("", (), [])


async def test_the_classic_builder_refuses_such_a_dockerfile_before_it_answers() -> None:
    what = "the engine did not build devbox/test:r7"
    refusal = EngineRefused(
        what, status=400, cause="dockerfile parse error line 2: unknown instruction: RUNN"
    )
    with pytest.raises(BuildFailed, match="unknown instruction: RUNN") as caught:
        await ClassicBuilder(Replay([refusal])).build(job(), Heard())
    assert caught.value.hint == "look at line 2 of the Dockerfile"
    for status in (0, 500):
        with pytest.raises(EngineRefused):
            await ClassicBuilder(Replay([EngineRefused(what, status=status)])).build(job(), Heard())


@pytest.mark.parametrize("name", ["talk", "classic_talk"])
async def test_lines_are_what_a_person_would_have_seen(name: str) -> None:
    _, heard = await replay(name)
    out = [line for _, stream, line in heard.lines if stream == "stdout"]
    assert out[:6] == ["no line end", "not text: �", "100%", "one", "two", "three"]
    assert [line for _, stream, line in heard.lines if stream == "stderr"] == ["to stderr"]
    if name == "classic_talk":
        assert out[6:] == ["Step 9/9 : not a step"]


async def test_podmans_words_are_understood() -> None:
    """As Podman's compatible endpoint words it (containers/podman, pkg/api/handlers/compat)."""
    words = [
        "[1/2] STEP 1/2: FROM python:3.13-slim AS one\n",
        "[1/2] STEP 2/2: RUN echo hi\n",
        "hi\n",
        "--> 0123456789ab\n",
        "[2/2] STEP 1/3: FROM python:3.13-slim\n",
        "[2/2] STEP 2/3: COPY --from=one /etc/hostname /\n",
        "--> Using cache 0123456789ab\n",
        "--> 0123456789ab\n",
        "[2/2] STEP 3/3: LABEL dev.devbox.project=test\n",
        "COMMIT devbox/test:r7\n",
        "Successfully built 0123456789ab\n",
        "Successfully tagged localhost/devbox/test:r7\n",
    ]
    engine = Replay([{"stream": word} for word in words])
    heard = Heard()
    image = await ClassicBuilder(engine).build(job(), heard)
    assert [f"{step.state} {step.instruction}" for step in image.steps] == [
        "cached FROM python:3.13-slim AS one",
        "done RUN echo hi",
        "cached FROM python:3.13-slim",
        "cached COPY --from=one /etc/hostname /",
    ]
    assert image.id == "0123456789ab"
    assert heard.lines == [("RUN echo", "stdout", "hi")]


async def test_the_last_words_of_a_failing_step_are_kept_without_a_line_end() -> None:
    engine = Replay(
        [
            {"stream": "STEP 1/2: FROM python:3.13-slim\n"},
            {"stream": "STEP 2/2: RUN printf boom; exit 3\n"},
            {"stream": "boom"},
            {"error": 'building at STEP "RUN printf boom; exit 3": while running runtime: exit status 3'},
        ]
    )
    heard = Heard()
    with pytest.raises(BuildFailed) as caught:
        await ClassicBuilder(engine).build(job(), heard)
    assert (caught.value.log, caught.value.exit_status) == (("boom",), 3)
    assert heard.lines == [("RUN printf", "stdout", "boom")]


@pytest.mark.parametrize("name", ["first", "classic_first"])
async def test_an_answer_that_breaks_off_is_the_engines_fault(name: str) -> None:
    builder, engine = builder_for(name)
    whole = engine.messages
    engine.messages = whole[: len(whole) // 2]
    with pytest.raises(EngineRefused, match="without an image and without an error"):
        await builder.build(job(), Heard())
    engine.messages = [*whole[: len(whole) // 2], EngineUnreachable("gone")]
    with pytest.raises(EngineUnreachable, match="gone"):
        await builder.build(job(), Heard())


@pytest.mark.parametrize("classic", [False, True])
async def test_a_killed_step_of_a_dying_engine_is_not_the_users_fault(classic: bool) -> None:
    messages = [{"error": "process did not complete successfully: exit code: 137"}]
    engine = Replay(messages)
    builder: Builder = ClassicBuilder(engine) if classic else BuildKitBuilder(engine)
    with pytest.raises(BuildFailed) as caught:
        await builder.build(job(), Heard())
    assert "short of memory" in caught.value.hint
    engine.lose()
    with pytest.raises(EngineUnreachable):
        await builder.build(job(), Heard())


@pytest.mark.parametrize("classic", [False, True])
async def test_the_request_says_what_the_job_says(classic: bool) -> None:
    engine = Replay(recorded("classic_first" if classic else "first"))
    builder: Builder = ClassicBuilder(engine) if classic else BuildKitBuilder(engine)
    fields: dict[str, Any] = {"target": "web", "build_args": {"A": "b"}, "no_cache": True, "network": "host"}
    await builder.build(job(**fields), Heard())
    await builder.build(job(), Heard())
    first, second = engine.requests
    assert (first.target, first.build_args, first.no_cache, first.network) == (
        "web",
        {"A": "b"},
        True,
        "host",
    )
    assert (first.tag, first.dockerfile, first.labels) == ("devbox/test:r7", "Dockerfile", job().labels)
    assert first.buildkit is not classic
    assert first.build_id != second.build_id


async def test_the_log_is_that_of_the_failing_step_though_another_stage_has_the_same() -> None:
    same = "RUN pip install ."
    one = f"[one 2/2] {same}"
    two = f"[two 2/2] {same}"
    messages = [
        trace(vertex(one, started=1.0), vertex(two, started=1.0)),
        trace(logs=[(one, 1, b"fine\n"), (two, 1, b"broken\n")]),
        trace(vertex(one, started=1.0, completed=2.0)),
        trace(vertex(two, started=1.0, completed=3.0, error="process did not complete: exit code: 1")),
    ]
    engine = Replay(
        [*({"id": TRACE, "aux": wire(one)} for one in messages), {"error": "process: exit code: 1"}]
    )
    with pytest.raises(BuildFailed) as caught:
        await BuildKitBuilder(engine).build(job(), Heard())
    assert caught.value.log == ("broken",)


@pytest.mark.parametrize("path", sorted(STREAMS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_recordings_hold_nothing_of_the_machine_they_were_made_on(path: object) -> None:
    name = getattr(path, "stem", "")
    text = json.dumps([message for message in recorded(name) if message.get("id") != TRACE])
    if not name.startswith("classic"):
        text += repr(recorded_traces(name))
    for trail in ("://", "/root", "/work", "/home", "/tmp", "proxy", "mirror", "index."):
        assert trail not in text

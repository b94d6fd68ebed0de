"""Whose fault a failed build is, and what is said about it."""

from __future__ import annotations

import pytest

from devbox.build.failure import blames_engine, build_failed, exit_status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("executor failed running [/bin/sh -c exit 3]: exit code: 3", 3),
        ('process "/bin/sh -c exit 3" did not complete successfully: exit code: 3', 3),
        ('process "/bin/sh -c echo exit code: 5; exit 1" did not complete successfully: exit code: 1', 1),
        ("The command '/bin/sh -c exit 2' returned a non-zero code: 2", 2),
        ('building at STEP "RUN exit 4": while running runtime: exit status 4', 4),
        ('"/nothere.txt" not found: not found', None),
        ("", None),
    ],
)
def test_exit_status(error: str, status: int | None) -> None:
    assert exit_status(error) == status


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        ("process did not complete successfully: exit code: 137", True),
        ("rpc error: code = Unavailable desc = error reading from server: EOF", True),
        ("transport is closing", True),
        ("process did not complete successfully: exit code: 1", False),
        ('"/nothere.txt" not found: not found', False),
    ],
)
def test_the_engine_is_asked_first_where_it_may_be_its_fault(error: str, blamed: bool) -> None:
    assert blames_engine(error) is blamed


def test_a_failing_step_with_a_log_needs_no_cause() -> None:
    error = build_failed("RUN pip install .", "process: exit code: 1", ("ERROR: no such package",))
    assert error.what == "RUN pip install . (exit 1)"
    assert (error.step, error.exit_status, error.log) == ("RUN pip install .", 1, ("ERROR: no such package",))
    assert error.cause == ""


def test_a_failing_step_that_said_nothing_is_told_by_its_status_alone() -> None:
    error = build_failed("RUN false", "process: exit code: 1", ())
    assert error.what == "RUN false (exit 1)"
    assert error.cause == ""


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            "failed to solve: dockerfile parse error on line 2: unknown",
            "dockerfile parse error on line 2: unknown",
        ),
        (
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: no such stage",
            "no such stage",
        ),
        ("failed to solve: rpc error: code = Unknown desc = boom", "boom"),
        ('failed to compute cache key: "/a" not found: not found', '"/a" not found'),
        ("  something else: failed to solve: it  ", "something else: failed to solve: it"),
    ],
)
def test_the_cause_is_bare_of_wrappers(error: str, cause: str) -> None:
    assert build_failed("", error, ()).cause == cause


def test_a_build_that_failed_outside_of_any_step_has_a_name_too() -> None:
    error = build_failed("", "failed to solve: no such stage", ())
    assert (error.what, error.step, error.exit_status) == ("the build", "", None)


@pytest.mark.parametrize(
    ("error", "log", "hint"),
    [
        ("exit code: 1", ("OSError: [Errno 28] No space left on device",), "the engine's disk is full"),
        ("failed to register layer: no space left on device", (), "the engine's disk is full"),
        ("exit code: 1", ("Temporary failure in name resolution",), 'build_network = "host"'),
        ("exit code: 1", ("[Errno -2] Name or service not known",), 'build_network = "host"'),
        ("exit code: 137", (), "short of memory"),
        ("failed to solve: no active sessions", (), "cannot give"),
        ("dockerfile parse error on line 12: unknown instruction", (), "line 12 of the Dockerfile"),
        ("dockerfile parse error line 3: unknown instruction", (), "line 3 of the Dockerfile"),
        ('"/app/x.txt" not found: not found', (), "is app/x.txt in the build context"),
        ('failed to calculate checksum of ref x::y: "/a b": not found', (), "is a b in the build context"),
        ("COPY failed: file not found in build context or excluded: stat a.txt: no", (), "is a.txt in the"),
        ("exit code: 127", ('sh: 1: "/x": not found',), ""),
        ("exit code: 1", ("ERROR",), ""),
    ],
)
def test_hints(error: str, log: tuple[str, ...], hint: str) -> None:
    said = build_failed("RUN x", error, log).hint
    assert hint in said
    assert bool(hint) == bool(said)

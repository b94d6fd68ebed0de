"""Installing, asking and removing a service, with the commands of the system played by the test."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from devbox.daemon.unit.launchctl import Launchd
from devbox.daemon.unit.managers import Answer, ServiceState, caller
from devbox.daemon.unit.systemctl import Systemd
from devbox.daemon.unit.words import installed_lines, state_lines, uninstalled_lines
from devbox.errors import AlreadyRunning, ServiceManagerError
from tests.unit.daemon.test_daemon_unit import DESCRIPTION

KEY = DESCRIPTION.key
NAME = f"devbox-shop-{KEY}.service"
SHOWN = """ActiveState=active
ActiveEnterTimestamp=Fri 2026-11-27 04:13:30 UTC
MainPID=77
StatusText=revision 2 serving http://x = fine
"""


class System:
    """Answers commands by their first words; the longest one that fits wins."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str], bound: float) -> Answer:
        assert bound > 0
        line = " ".join(command)
        self.asked.append(line)
        fitting = [start for start in self.answers if line.startswith(start)]
        return self.answers[max(fitting, key=len)] if fitting else Answer(0)

    def changes(self) -> list[str]:
        return [
            line.removeprefix("systemctl --user ")
            for line in self.asked
            if line.startswith("systemctl") and " show" not in line
        ]


REACHED = {
    "systemctl --user show ": Answer(0, SHOWN),
    "loginctl": Answer(0, "no\n"),
    "journalctl": Answer(0, "devbox: one\ndevbox: two\n"),
}
UNREACHED = {
    "systemctl": Answer(1, err="Failed to connect to bus: No medium found\n"),
    "loginctl": Answer(1, err="Failed to connect to bus: Host is down\n"),
    "journalctl": Answer(1),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def systemd(home: Path, answers: dict[str, Answer]) -> tuple[Systemd, System]:
    system = System(answers)
    return Systemd({"XDG_CONFIG_HOME": str(home / "config"), "XDG_RUNTIME_DIR": "/run"}, system), system


def unit(home: Path) -> Path:
    return home / "config/systemd/user" / NAME


def test_it_is_written_enabled_and_started(home: Path) -> None:
    manager, system = systemd(home, REACHED)
    state = manager.install(DESCRIPTION, None)
    assert system.changes() == ["daemon-reload", f"enable {NAME}", f"restart {NAME}"]
    assert stat.S_IMODE(unit(home).stat().st_mode) == 0o600
    assert list(unit(home).parent.iterdir()) == [unit(home)]
    assert (state.active, state.lingers, state.since) == ("active", False, 1795752810.0)
    said = installed_lines(state)
    assert said[:2] == [
        f"devbox: wrote {unit(home)}",
        f"devbox: {NAME} active: revision 2 serving http://x = fine",
    ]
    assert any("lingering is off" in line for line in said)
    assert any("loginctl enable-linger" in line for line in said)


def test_where_no_instance_answers_it_is_written_and_said_what_to_type(home: Path) -> None:
    manager, system = systemd(home, UNREACHED)
    with pytest.raises(
        ServiceManagerError, match="is written, but no systemd user instance answers"
    ) as caught:
        manager.install(DESCRIPTION, 4711)
    assert caught.value.exit_code == 1
    assert caught.value.cause == "Failed to connect to bus: No medium found"
    assert caught.value.hint.splitlines() == [
        "log in as this user, not by su or sudo: systemd starts its instance then; there:",
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {NAME}",
        "without systemd, devbox up -d runs it until the machine stops",
    ]
    assert unit(home).is_file()
    state = manager.state(KEY, DESCRIPTION.root)
    assert (state.installed, state.enabled, state.active, state.lingers) == (True, False, "", None)
    assert "devbox:   why: Failed to connect to bus: No medium found" in state_lines(state)
    removed, problem = manager.uninstall(KEY)
    assert (removed, problem) == ((str(unit(home)),), "Failed to connect to bus: No medium found")
    assert not unit(home).exists()
    assert system.changes() == []


def test_another_devbox_is_not_pushed_aside_and_its_own_is_started_anew(home: Path) -> None:
    manager, system = systemd(home, REACHED)
    with pytest.raises(AlreadyRunning, match="process 4711"):
        manager.install(DESCRIPTION, 4711)
    assert not unit(home).exists()
    manager.install(DESCRIPTION, None)
    manager.install(DESCRIPTION, 77)
    assert system.changes().count(f"restart {NAME}") == 2


def test_a_start_that_fails_is_told_with_its_last_lines(home: Path) -> None:
    failed = {**REACHED, "systemctl --user restart": Answer(1, err="Job failed.\n")}
    with pytest.raises(ServiceManagerError, match="does not start") as caught:
        systemd(home, failed)[0].install(DESCRIPTION, None)
    assert caught.value.cause == "devbox: one\ndevbox: two"
    assert f"journalctl --user -u {NAME}" in caught.value.hint
    silent = {**failed, "journalctl": Answer(127)}
    with pytest.raises(ServiceManagerError) as caught:
        systemd(home, silent)[0].install(DESCRIPTION, None)
    assert caught.value.cause == "Job failed."


def test_a_folder_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "config").write_text("")
    with pytest.raises(ServiceManagerError, match="cannot be written"):
        systemd(home, REACHED)[0].install(DESCRIPTION, None)


def test_a_project_with_a_new_name_leaves_no_second_service(home: Path) -> None:
    manager, system = systemd(home, REACHED)
    manager.install(DESCRIPTION, None)
    manager.install(replace(DESCRIPTION, project="store"), 77)
    assert [path.name for path in unit(home).parent.iterdir()] == [f"devbox-store-{KEY}.service"]
    assert f"disable --now {NAME}" in system.changes()


def test_removing_leaves_nothing_and_twice_is_no_failure(home: Path) -> None:
    manager, system = systemd(home, REACHED)
    manager.install(DESCRIPTION, None)
    wanted = unit(home).parent / "default.target.wants" / NAME
    wanted.parent.mkdir()
    wanted.symlink_to(unit(home))
    assert manager.state(KEY, DESCRIPTION.root).enabled
    system.asked.clear()
    assert manager.uninstall(KEY) == ((str(unit(home)),), "")
    assert system.changes() == [f"disable --now {NAME}", f"reset-failed {NAME}", "daemon-reload"]
    assert not unit(home).exists()
    assert not wanted.is_symlink()
    removed, problem = manager.uninstall(KEY)
    assert uninstalled_lines(DESCRIPTION.root, removed, problem, None) == [
        "devbox: no service of /home/me/shop is installed"
    ]


@pytest.mark.parametrize(
    ("answer", "lingers"),
    [
        (Answer(0, "yes\n"), True),
        (Answer(0, "no\n"), False),
        (Answer(1, err="Failed to get user: User ID 1000 is not logged in or lingering\n"), False),
        (Answer(127, err="loginctl is not installed"), None),
    ],
)
def test_lingering_is_as_logind_says(home: Path, answer: Answer, lingers: bool | None) -> None:
    manager, _ = systemd(home, {**REACHED, "loginctl": answer})
    assert manager.state(KEY, DESCRIPTION.root).lingers is lingers
    told = {True: "lingering is on", False: "lingering is off", None: "not known"}[lingers]
    manager.install(DESCRIPTION, None)
    assert any(told in line for line in state_lines(manager.state(KEY, DESCRIPTION.root)))


def test_a_state_is_told_with_its_log_and_the_next_step(home: Path) -> None:
    manager, _ = systemd(home, REACHED)
    assert state_lines(manager.state(KEY, DESCRIPTION.root)) == [
        "devbox: no service of /home/me/shop is installed",
        "devbox:   try: devbox service install",
    ]
    manager.install(DESCRIPTION, None)
    said = state_lines(manager.state(KEY, DESCRIPTION.root))
    assert "not enabled, active since 2026-11-2" in said[0]
    assert said[-3:] == [
        "log | devbox: one",
        "log | devbox: two",
        f"devbox:   try: journalctl --user -u {NAME} -n 50",
    ]


PRINTED = "gui/501/x = {\n\tstate = running\n\tpid = 77\n}\n"


def launchd(answers: dict[str, Answer]) -> tuple[Launchd, System]:
    system = System(answers)
    return Launchd({}, system, uid=501), system


def test_launchd_is_given_the_job_and_asked_for_it(home: Path) -> None:
    manager, system = launchd({"launchctl print": Answer(0, PRINTED)})
    state = manager.install(DESCRIPTION, None)
    path = home / f"Library/LaunchAgents/dev.devbox.shop.{KEY}.plist"
    assert f"launchctl bootstrap gui/501 {path}" in system.asked
    assert (state.enabled, state.active, state.path) == (True, "active", str(path))
    assert not any("linger" in line for line in installed_lines(state))
    manager.install(DESCRIPTION, 77)
    with pytest.raises(AlreadyRunning):
        manager.install(DESCRIPTION, 4711)
    system.answers["launchctl print"] = Answer(113, err="Could not find service\n")
    state = manager.state(KEY, DESCRIPTION.root)
    assert (state.enabled, state.active) == (False, "inactive")
    assert manager.uninstall(KEY) == ((str(path),), "")
    assert system.asked[-1] == f"launchctl bootout gui/501/dev.devbox.shop.{KEY}"
    assert not manager.state(KEY, DESCRIPTION.root).installed


def test_a_launchd_that_refuses_is_told_with_what_to_type(home: Path) -> None:
    manager, _ = launchd({"launchctl bootstrap": Answer(5, err="Bootstrap failed: 5: Input/output error\n")})
    with pytest.raises(ServiceManagerError, match="launchd does not start it") as caught:
        manager.install(DESCRIPTION, None)
    assert caught.value.hint.startswith("launchctl bootstrap gui/501 ")


@pytest.mark.parametrize("make", [systemd, lambda home, answers: launchd(answers)])
def test_nothing_is_raised_where_the_commands_are_not_there(
    home: Path, make: Callable[[Path, dict[str, Answer]], tuple[Systemd | Launchd, System]]
) -> None:
    manager, _ = make(home, {"": Answer(127, err="it is not installed")})
    with pytest.raises(ServiceManagerError):
        manager.install(DESCRIPTION, None)
    state = manager.state(KEY, DESCRIPTION.root)
    assert isinstance(state, ServiceState)
    assert (state.installed, state.active, state.problem) == (True, "", "it is not installed")
    assert manager.uninstall(KEY)[1] == "it is not installed"


def test_a_command_that_is_not_there_or_hangs_is_an_answer(tmp_path: Path) -> None:
    call = caller({"PATH": str(tmp_path)})
    assert call(("systemctl",), 1.0).code == 127
    hanging = tmp_path / "systemctl"
    hanging.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    hanging.chmod(0o755)
    done = caller(dict(os.environ))((str(hanging),), 0.05)
    assert (done.code, "did not end within" in done.reason) == (124, True)

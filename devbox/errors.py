"""Every error devbox raises on purpose, as one tree.

    DevboxError
    ├── UsageError             exit 2: what was typed or configured cannot be meant
    │   ├── ConfigError            a settings file, a flag value, an env file
    │   │   ├── SettingRefused         what is written under one setting cannot be read
    │   │   └── SeveralServices        a compose file builds several services, and none is named
    │   ├── DockerfileError        the Dockerfile is missing or does not parse (file and line)
    │   ├── ContextError           the build context holds what cannot be sent
    │   ├── NotRecognised          a folder is no project that a Dockerfile could be written for
    │   └── PortTaken              a host port belongs to somebody else
    ├── EngineError            exit 1: the engine failed, or would not do it
    │   ├── EngineUnreachable      exit 3: nothing answers, or it stopped answering
    │   ├── EngineRefused          it answered with an error we have no better name for
    │   ├── NotFound               the image, container, volume or network is not there
    │   └── Conflict               the name or the object is in use
    ├── WorkError              exit 1: the user's build or application failed
    │   ├── PullFailed             a base image cannot be had
    │   ├── BuildFailed            an instruction failed
    │   ├── StartFailed            the container exited, or never became ready
    │   │   └── BeforeStartFailed      a command before the start failed
    │   └── ServicesFailed         a service that Docker Compose runs beside it
    ├── StandbyFailed          never shown as an error: the rolling way is taken instead, and why is said
    ├── Superseded             never shown as an error: a newer change made the round's result worthless
    ├── AlreadyRunning         exit 4: another devbox runs this project
    ├── Refused                a running devbox refuses an order; exits with what the refusal would have
    ├── GateError              exit 1: the process that owns the host ports cannot be reached
    └── ServiceManagerError    exit 1: systemd or launchd cannot be reached, or refused

Each error says what failed (the message), why (`cause`), and what to do next (`hint`).
"""

from __future__ import annotations

EXIT_INTERRUPTED = 130
"""What a process exits with that Ctrl-C ended: no error of ours."""


class DevboxError(Exception):
    """An error with what failed, why, and the next step; `exit_code` is the process's exit code for it."""

    exit_code: int = 1

    def __init__(self, what: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.cause}" if self.cause else self.what


class UsageError(DevboxError):
    """What was typed or configured cannot be meant."""

    exit_code = 2


class ConfigError(UsageError):
    """A settings file, a flag value or an env file is wrong."""


class SettingRefused(ConfigError):
    """What is written under `setting`, the `text`, cannot be read; `name` is what it is called where it is
    written."""

    def __init__(
        self, setting: str, text: object, *, name: str = "", cause: str = "", hint: str = ""
    ) -> None:
        super().__init__(f"{name or setting} '{text}' cannot be read", cause=cause, hint=hint)
        self.setting, self.text = setting, text


class SeveralServices(ConfigError):
    """A compose file builds several `services`, and none of them is named."""

    def __init__(self, what: str, *, services: tuple[str, ...], cause: str = "", hint: str = "") -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.services = services


class DockerfileError(UsageError):
    """The Dockerfile is missing or does not parse; `line` counts from 1, 0 where no line is meant."""

    def __init__(self, what: str, *, path: str = "", line: int = 0, cause: str = "", hint: str = "") -> None:
        super().__init__(f"{path}:{line}: {what}" if path and line else what, cause=cause, hint=hint)
        self.path = path
        self.line = line


class ContextError(UsageError):
    """The build context holds something that cannot be sent; `path` is relative to the context."""

    def __init__(self, what: str, *, path: str = "", cause: str = "", hint: str = "") -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.path = path


class NotRecognised(UsageError):
    """A folder holds no application, or nothing that names its dependencies: no Dockerfile can be written."""


class PortTaken(UsageError):
    """A host port is held by somebody else, who is named in `cause` where that can be found out."""


class EngineError(DevboxError):
    """The engine failed, or would not do what it was asked for."""


class EngineUnreachable(EngineError):
    """Nothing answers at the engine's address, or it stopped answering."""

    exit_code = 3


class EngineRefused(EngineError):
    """The engine answered with an error; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, what: str, *, status: int = 0, cause: str = "", hint: str = "") -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.status = status


class NotFound(EngineError):
    """The image, container, volume or network is not there."""


class Conflict(EngineError):
    """The name is taken, or the object is in use."""


class WorkError(DevboxError):
    """The user's build or application failed; devbox itself goes on."""

    exit_code = 1


class PullFailed(WorkError):
    """A base image can neither be found nor pulled."""


class BuildFailed(WorkError):
    """An instruction of the Dockerfile failed; `step` names it, `log` holds its last lines."""

    def __init__(
        self,
        what: str,
        *,
        step: str = "",
        exit_status: int | None = None,
        log: tuple[str, ...] = (),
        cause: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.step = step
        self.exit_status = exit_status
        self.log = log


class StartFailed(WorkError):
    """A container exited or never became ready; `log` holds its last lines."""

    def __init__(
        self,
        what: str,
        *,
        exit_status: int | None = None,
        log: tuple[str, ...] = (),
        cause: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.exit_status = exit_status
        self.log = log


class BeforeStartFailed(StartFailed):
    """A command of `before_start` failed: its revision was not started."""


class ServicesFailed(WorkError):
    """A service of the compose file did not become ready, or Compose failed; `log` holds the last lines."""

    def __init__(self, what: str, *, log: tuple[str, ...] = (), cause: str = "", hint: str = "") -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.log = log


class StandbyFailed(DevboxError):
    """A standby cannot be made, or does not go; `offender` is the module that must not be loaded early."""

    def __init__(self, what: str, *, offender: str = "") -> None:
        super().__init__(what)
        self.offender = offender


class Superseded(DevboxError):
    """A newer change made the result of the running round worthless; the round starts again."""


class AlreadyRunning(DevboxError):
    """Another devbox runs this project."""

    exit_code = 4


class Refused(DevboxError):
    """A running devbox refuses an order, for a reason whose exit code this is."""

    def __init__(self, what: str, *, cause: str = "", hint: str = "", exit_code: int = 1) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.exit_code = exit_code


class GateError(DevboxError):
    """The process that owns the host ports cannot be started or reached."""


class ServiceManagerError(DevboxError):
    """The user's own systemd or launchd cannot be reached, or refused."""

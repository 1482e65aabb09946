"""What our processes and fork servers say to each other: JSON and file descriptors, see `forking` and `serving`.

A server runs no student's code, so it is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, final

if TYPE_CHECKING:  # a server does not need them
    from autograder.base.errors import Mistake


@final
class SettingsRequest(TypedDict):
    """Prepare for an assignment; comes first, to a rubric server only, with the descriptor of a file of settings.

    Attributes:
        settings: where they are: nothing secret, and nothing large, travels in a message.
    """

    settings: Literal["in the file"]


@final
class FolderRequest(TypedDict):
    """Prepare for somebody's notebooks; comes first, to a zygote of notebooks only. Answered by a `ReadyReply`.

    Attributes:
        folder: where their code may read and write.
    """

    folder: str


@final
class ForkRequest(TypedDict):
    """Fork a child, which gets the descriptors that come along. Answered by a `ForkReply`.

    Attributes:
        fork: what the child becomes: a worker, another zygote, a session.
    """

    fork: str


@final
class StatusRequest(TypedDict):
    """Wait for a child. Answered by a `StatusReply`.

    Attributes:
        status: its process id.
    """

    status: int


@final
class PrepareRequest(TypedDict):
    """Get ready for many children, which delays the next one. Not answered.

    Attributes:
        prepare: that it should.
    """

    prepare: Literal["for many"]


ServerRequest = SettingsRequest | FolderRequest | ForkRequest | StatusRequest | PrepareRequest


@final
class ReadyReply(TypedDict):
    """Everything is imported; children can be forked.

    Attributes:
        ready: the server's process id.
    """

    ready: int


@final
class ForkReply(TypedDict):
    """A child was forked; its pidfd comes along.

    Attributes:
        pid: its process id.
    """

    pid: int


@final
class StatusReply(TypedDict):
    """A child has ended.

    Attributes:
        status: its wait status.
    """

    status: int


@final
class MistakeReply(TypedDict):
    """The course's author made a mistake; the server ends.

    Attributes:
        mistake: the `ConfigError`.
    """

    mistake: Mistake


@final
class FaultReply(TypedDict):
    """The platform failed; the server ends.

    Attributes:
        fault: why, in each language, ``en`` and ``zh``.
    """

    fault: dict[str, str]


ServerAnswer = ReadyReply | ForkReply | StatusReply | MistakeReply
ServerReply = ReadyReply | ForkReply | StatusReply | MistakeReply | FaultReply

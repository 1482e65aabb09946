"""Where `grade` grades: the options for it, and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import console, must_confine

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.grading.batch import Grade


class EngineChoice(StrEnum):
    """Where submissions are graded."""

    local = "local"
    dask = "dask"


EngineOption = Annotated[EngineChoice, typer.Option("--engine", help="Where to grade.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Scheduler for --engine dask; by default one is started here."),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option("--tls-ca-file", metavar="FILE", help="Certificates that vouch for a scheduler at tls://..., PEM."),
]
CertOption = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate to show to the scheduler, PEM.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="Private key of that certificate, PEM.")
]


@dataclass(frozen=True)
class Place:
    """Where to grade, as the options say.

    Args:
        engine: on this machine or on Dask.
        scheduler: the address of Dask's scheduler.
        tls: files for TLS: certificates of others, certificate, private key.
    """

    engine: EngineChoice
    scheduler: str | None = None
    tls: tuple[Path | None, Path | None, Path | None] = (None, None, None)

    def check(self) -> None:
        """Raise UsageError if options are given that say nothing here."""
        from autograder.base.i18n import text

        if self.scheduler and self.engine is not EngineChoice.dask:
            raise UsageError(text("--scheduler goes with --engine dask"))
        if any(self.tls) and not self.scheduler:
            raise UsageError(text("--tls-ca-file, --tls-cert and --tls-key go with --scheduler"))

    @contextmanager
    def opened(
        self, processes: int | None, *, unsafe: bool, scratch_mb: int, language: Language
    ) -> Iterator[tuple[Grade | None, bool]]:
        """Yield what grades instead of this machine, if anything does, and whether students' code is confined."""
        if self.engine is EngineChoice.local:
            yield None, must_confine(unsafe=unsafe, scratch_mb=scratch_mb)
            return
        from autograder.base.environment import usable_cores
        from autograder.base.extras import needs_extra
        from autograder.base.i18n import text

        try:
            from autograder.grading.cluster import Cluster, Tls
        except ImportError as error:
            raise UsageError(needs_extra("--engine dask", "dask", error)) from error
        cluster = Cluster(self.scheduler, processes or usable_cores(), must_confine=not unsafe, tls=Tls(*self.tls))
        with cluster:
            if (warning := cluster.warning) is not None:
                _tell(warning, language)
            yield cluster.grade, not unsafe
            for address, reason in cluster.unfit.items():
                _tell(text("not used: {address}: {reason}", address=address, reason=reason), language)


def _tell(words: Text, language: Language) -> None:
    console(stderr=True).print(words.get(language), markup=False, highlight=False)

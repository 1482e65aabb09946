"""Reads from an ``assignment.yaml`` what the assignment's workers may do and use, and what seeds their cells."""

from __future__ import annotations

import pkgutil
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

from autograder.base.errors import ConfigError
from autograder.base.files import line_of
from autograder.base.i18n import Text, same, text
from autograder.base.yaml_records import did_you_mean
from autograder.course.course import Assignment
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.generators import CellSeed


def worker_settings_of(assignment: Assignment, *, confined: bool, many: bool = True) -> WorkerSettings:
    """Return the settings that an assignment asks for.

    Args:
        assignment: its folder and limits.
        confined: whether the kernel bounds what the workers can do.
        many: whether there will be many workers.
    """
    limits = assignment.settings.limits
    return WorkerSettings(
        memory_mb=limits.memory_mb,
        output_kb=limits.output_kb,
        cpu_s=int(limits.submission_s) + 1,
        preload=tuple(assignment.settings.preload),
        confined=confined,
        many=many,
        scratch_mb=limits.scratch_mb,
        data=str(assignment.data.resolve()) if assignment.data.is_dir() else "",
    )


def refuse_missing_modules(assignment: Assignment) -> None:
    """Refuse to `preload` a module that is not installed here, without importing anything.

    A worker would do without it, so that nobody would hear of a name that is misspelt.

    Raises:
        ConfigError: there is no such module; names the first one.
    """
    settings = assignment.directory / "assignment.yaml"
    for name in assignment.settings.preload:
        if (meant := _meant_instead(name)) is not None:
            words = text(
                "there is no module {name} here; is it misspelt? {meant}if not, install it where you grade",
                name=name,
                meant=meant,
            )
            raise ConfigError(words, path=settings, line=line_of(settings, name), key="preload")


def _meant_instead(module: str) -> Text | None:
    """Ask whether another module was meant; return None if this one may be there.

    A package can make modules while it is imported, which its folder does not show. So one inside is missing only if
    the folder has one of almost this name.
    """
    way, *inner = module.split(".")
    if not all(name.isidentifier() for name in (way, *inner)):
        return same("")
    if (spec := find_spec(way)) is None:
        return did_you_mean(way, [*sys.stdlib_module_names, *(found.name for found in pkgutil.iter_modules())])
    for name in inner:
        if spec is None or not (folders := spec.submodule_search_locations):
            return None
        way = f"{way}.{name}"
        if (spec := PathFinder.find_spec(way, folders)) is None:
            there = (found.name for found in pkgutil.iter_modules(folders))
            meant = did_you_mean(name, [one for one in there if not one.startswith("_")], cutoff=0.8)
            return meant if meant.en else None
    return None


def cell_seed_of(assignment: Assignment) -> CellSeed | None:
    """Return what every cell of an assignment begins with, if anything."""
    seed = assignment.settings.seed
    return None if seed is None else CellSeed(seed.value, seed.variable)

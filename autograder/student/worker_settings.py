"""Reads from an ``assignment.yaml`` what the assignment's workers may do and use, and what seeds their cells."""

from __future__ import annotations

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


def cell_seed_of(assignment: Assignment) -> CellSeed | None:
    """Return what every cell of an assignment begins with, if anything."""
    seed = assignment.settings.seed
    return None if seed is None else CellSeed(seed.value, seed.variable)

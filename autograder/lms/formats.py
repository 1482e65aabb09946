"""What scores are exported as, and who can run the grader; kept apart, since the command line reads it at its start."""

from __future__ import annotations

from enum import StrEnum


class ScoreFormat(StrEnum):
    """What scores are exported as, and who can run the grader."""

    csv = "csv"
    xlsx = "xlsx"
    canvas = "canvas"
    moodle = "moodle"
    gradescope = "gradescope"
    junit = "junit"
    markdown = "markdown"
    classroom50 = "classroom50"
    gradescope_autograder = "gradescope-autograder"
    classroom50_autograder = "classroom50-autograder"
    github = "github"


FILES = {
    ScoreFormat.csv: "scores.csv",
    ScoreFormat.xlsx: "scores.xlsx",
    ScoreFormat.canvas: "canvas.csv",
    ScoreFormat.moodle: "moodle.csv",
    ScoreFormat.gradescope: "gradescope",
    ScoreFormat.junit: "junit.xml",
    ScoreFormat.markdown: "scores.md",
    ScoreFormat.classroom50: "result.json",
    ScoreFormat.gradescope_autograder: "gradescope-autograder",
    ScoreFormat.classroom50_autograder: "classroom50-autograder",
    ScoreFormat.github: "github",
}
"""The name of the file or folder, where nobody has chosen another."""
RUNNERS = (ScoreFormat.gradescope_autograder, ScoreFormat.classroom50_autograder, ScoreFormat.github)
"""Folders with which others run our grader."""
REPORTS = (ScoreFormat.gradescope, ScoreFormat.junit, ScoreFormat.markdown, ScoreFormat.classroom50)
"""Formats that tell of criteria, so they are made of reports and know nothing of the gradebook."""
ROSTERS = (ScoreFormat.canvas, ScoreFormat.moodle)
"""Formats that can fill a roster."""

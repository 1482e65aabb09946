"""Lets the stock nbgrader commands work in this checkout."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821 -- nbgrader provides it

c.CourseDirectory.course_id = "dl"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
# nbgrader hands everything beside a source notebook to students; `private` holds hidden criteria and mutants
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    ".pytest_cache",
    "private",
    "README.md",
]
# `nbgrader autograde` and the formgrader's button run students' code confined and grade by our rubrics
c.Autograde.autograde_preprocessors = [
    "autograder.gradebook.preprocessors.ConfinedExecute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.gradebook.preprocessors.SaveScores",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ClearSolutions.code_stub = {"python": "# 在这里写你的代码 / your code here\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "在这里写你的答案 / your answer here"
# damaged and renamed notebooks are graded as well
c.Autograde.exporter_class = "autograder.gradebook.preprocessors.SubmissionReader"
c.Autograde.pre_convert_hook = "autograder.gradebook.preprocessors.expect_notebook"
# what students wrote is shown in the formgrader without scripts, please
c.HTMLExporter.filters = {"markdown2html": "autograder.gradebook.rendering.markdown"}
c.HTMLExporter.preprocessors = ["autograder.gradebook.rendering.CleanOutputs"]
# `nbgrader generate_feedback` and the formgrader's button give the page that `autograder feedback` gives
c.GenerateFeedback.exporter_class = "autograder.gradebook.rendering.FeedbackPage"

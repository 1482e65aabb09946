"""Lets the stock nbgrader commands work in this checkout."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821 -- nbgrader provides it

c.CourseDirectory.course_id = "dl"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
# nbgrader hands everything beside a source notebook to students; `private` holds hidden criteria and mutants
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache", "private", "README.md",
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
# stock feedback pages show what students wrote in Markdown: without scripts, please
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    "nbconvert.preprocessors.sanitize.SanitizeHTML",
]
c.SanitizeHTML.enabled = True
c.SanitizeHTML.tags = [
    *("a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li"),
    *("ol", "p", "pre", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
]
c.SanitizeHTML.attributes = {
    "*": ["style"],
    "a": ["href", "title"],
    "img": ["src", "alt"],
    "td": ["colspan"],
    "th": ["colspan"],
}
c.SanitizeHTML.styles = [
    *("border-collapse", "border-top", "color", "font-size", "font-weight", "margin-top", "max-width", "opacity"),
    *("padding", "text-align", "vertical-align", "white-space"),
]

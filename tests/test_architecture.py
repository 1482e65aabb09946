"""The package's layers: a module imports only from lines above its own, and importing it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import autograder

PACKAGE = Path(autograder.__file__).parent
LAYERS = """
quiz.unicode_math
texts datasets environment folders sandbox.libc report.tables quiz.formulas quiz.probes.value quiz.probes.linreg_sgd quiz.probes.enumerate_shapes
errors quiz.expressions quiz.reading quiz.outcomes quiz.exports.losses quiz.exports.qti_items
files results yamlfile lms.archives lms.downloads
lms.collecting lms.reports
quiz.records
quiz.filled
quiz.models
quiz.loading quiz.sheets quiz.credit
quiz.judges quiz.options
quiz.scoring
quiz.certificates quiz.evidence quiz.released quiz.exports.markup
quiz.forms
quiz.linting quiz.session quiz.statistics
quiz.exports.html quiz.exports.moodle quiz.exports.qti quiz.exports.notebook
quiz.tables quiz.screens
quiz.taking
course submission jobs
checks sandbox.cells sandbox.compiler sandbox.generators sandbox.hugepages sandbox.jail sandbox.landlock sandbox.seccomp sandbox.serving sandbox.wire
source sandbox.workfolder sandbox.forking sandbox.showing
student sandbox.confine sandbox.worker
provenance sandbox.rehearsal commandline
sandbox.zygote engine
sandbox.process
sandbox.host
sandbox.remote
quiz.proving quiz.assignment
relations criteria mutants rounds
diagnosis mistakes
quiz.rubric
judge
rubric
session judging report.terminal generated report.classroom report.plots
report.html report.page report.document rubric_process
rubric_server
journal practice plain demo doctor
grading distributed standby standby_server gradebook.configuration gradebook.page
audit watching gradebook.sources regrading
report.audit report.moves gradebook.autograded gradebook.leaks
gradebook.records gradebook.releasing gradebook.ordinary gradebook.feedback
gradebook.writing gradebook.preprocessors gradebook.rendering lms.scores lms.runners lms.submitting
lms.tables gradebook.quizzes quiz.feedback
quiz.authoring quiz.answering
quiz.commands
gradebook.commands lms.commands report.commands
cli
"""
LEVEL = {name: level for level, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}


def modules():
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if path.name not in ("__init__.py", "__main__.py"):
            yield name, path


def imports(path):
    """Names of our modules that a file imports, anywhere in it, except for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("autograder"):
            continue
        base = node.module.removeprefix("autograder").lstrip(".")
        for alias in node.names:
            inner = f"{base}.{alias.name}".lstrip(".")
            yield inner if inner in LEVEL else base


def test_every_module_has_a_layer():
    assert {name for name, _ in modules()} == set(LEVEL)


def test_modules_import_only_from_layers_above():
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in imports(path)
        if other and other != name and LEVEL[other] >= LEVEL[name]
    ]
    assert not wrong


def loaded_after(statement):
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy():
    assert not {"torch", "nbgrader", "pytest", "numpy", "pydantic"} & loaded_after("import autograder")


def test_help_loads_nothing_heavy():
    statement = "import autograder.cli as c\ntry: c.app(['grade', '--help'])\nexcept SystemExit: pass"
    assert not {"torch", "nbgrader", "pytest", "numpy"} & loaded_after(statement)


def test_the_pytest_plugin_does_not_load_torch():
    assert not {"torch", "numpy"} & loaded_after("import autograder.plain")


def test_the_worker_knows_nothing_of_rubrics():
    loaded = loaded_after("import autograder.sandbox.worker, autograder.sandbox.zygote")
    ours = {name for name in loaded if name.startswith("autograder.")}
    assert ours <= {f"autograder.{name}" for name in LEVEL if name.startswith("sandbox")} | {"autograder.sandbox"}


def test_public_names_are_exactly_these():
    assert set(autograder.__all__) == {"check", "checks", "criterion"}
    for name in autograder.__all__:
        assert getattr(autograder, name) is not None

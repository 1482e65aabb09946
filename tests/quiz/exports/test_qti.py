"""The package for Canvas, read back by a reader of QTI that knows nothing of its writer, and by tools of others."""

import io
import itertools
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import qti2latex
import tiny_quiz as tiny
from command_line import run_quiz
from moodle_xml_parser.parser import parse_string
from qti_package_maker.common import package_integrity

from autograder.quiz.exports import moodle, qti
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.questions.fill_in import Blanks, Code, Number
from autograder.quiz.questions.models import Match, Multi, Order, Single, TrueFalse
from autograder.quiz.scoring.scorer import Scorer

FOLDER = Path(__file__).parents[3] / "quizzes"

NAMESPACE = "{http://www.imsglobal.org/xsd/ims_qtiasiv1p2}"


# -- a reader of QTI 1.2 -----------------------------------------------------------------------------------------------


def holds(condition, given):
    """Is a condition met by these answers, by response?"""
    kind = condition.tag.removeprefix(NAMESPACE)
    inner = [holds(child, given) for child in condition]
    if kind in ("conditionvar", "and"):
        return all(inner)
    if kind == "or":
        return any(inner)
    if kind == "not":
        return not all(inner)
    if kind == "other":
        return True
    values = given.get(condition.get("respident"), [])
    if kind == "varequal":
        return condition.text in values
    bound = float(condition.text)
    return any(float(v) >= bound if kind == "vargte" else float(v) <= bound for v in values)


def process(item, given):
    """The score in percent, and the identifiers of the feedback, as the standard's rules give them."""
    score, told = 0.0, []
    for response in item.iter(f"{NAMESPACE}respcondition"):
        if not holds(response.find(f"{NAMESPACE}conditionvar"), given):
            continue
        for change in response.iter(f"{NAMESPACE}setvar"):
            score = float(change.text) + (score if change.get("action") == "Add" else 0)
        told += [shown.get("linkrefid") for shown in response.iter(f"{NAMESPACE}displayfeedback")]
        if response.get("continue") == "No":
            break
    return score, told


def labels_of(item):
    """For each response: what its choice is for, and the words of each label."""
    return {
        lid.get("ident"): (
            lid.findtext(f"{NAMESPACE}material/{NAMESPACE}mattext"),
            {label.get("ident"): "".join(label.itertext()).strip() for label in lid.iter(f"{NAMESPACE}response_label")},
        )
        for lid in item.iter(f"{NAMESPACE}response_lid")
    }


def kind_of(item):
    return {
        field.findtext(f"{NAMESPACE}fieldlabel"): field.findtext(f"{NAMESPACE}fieldentry")
        for field in item.iter(f"{NAMESPACE}qtimetadatafield")
    }["question_type"]


def items_of(exporter):
    return {item.get("ident"): item for item in ElementTree.fromstring(exporter.questions()).iter(f"{NAMESPACE}item")}


ALL_QUIZZES = [
    pytest.param(quiz, certificates.variants_of(quiz, certificates.load(path, quiz)), id=path.stem)
    for path, quiz in loading.load_all(FOLDER).items()
]


@pytest.fixture
def exporter(tmp_path):
    return qti.QtiExporter(tiny.load(tmp_path), tiny.VARIANTS, "en")


def test_a_dropdown_shows_no_key_and_has_the_right_one(tmp_path):
    head = tiny.SOURCE[: tiny.SOURCE.index("questions:")]
    options = "{'0': {code: zero}, '1': {code: one}, '2': {code: two}}"
    blanks = f"{{w: {{kind: choice, answer: '1', options: {options}}}}}"
    quiz = tiny.load(
        tmp_path,
        head
        + f"questions:\n  - {{id: q, type: blanks, prompt: {{zh: '{{{{w}}}}', en: '{{{{w}}}}'}}, blanks: {blanks}}}\n",
    )
    item = items_of(qti.QtiExporter(quiz, {}, "en"))["q"]
    assert labels_of(item) == {"response_w": ("w", {"w_0": "zero", "w_1": "one", "w_2": "two"})}
    assert [process(item, {"response_w": [f"w_{n}"]})[0] for n in range(3)] == [0, 100, 0]


# -- read back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("quiz", "variants"), ALL_QUIZZES)
def test_a_reader_of_qti_scores_as_the_package_does(quiz, variants, language):
    """Every answer that can be chosen, by the standard's own rules and by ours."""
    items = items_of(qti.QtiExporter(quiz, variants, language))
    scorer = Scorer(quiz, variants)
    for question in quiz.questions:
        if isinstance(question, Number):
            numbers = variants.get(question.id, [None])
            for number, variant in enumerate(numbers):
                item = items[f"{question.id}-{number + 1}" if variant else question.id]
                wanted = variant.answer if variant else str(question.answer)
                for answer in (wanted, "123456", *([str(w.is_) for w in question.wrong])):
                    ours = scorer.mark_variant(question, answer, number).share
                    assert process(item, {"response1": [answer]})[0] == 100 * ours, question.id
        else:
            assert_scores_alike(question, items[question.id], scorer, language)


def assert_scores_alike(question, item, scorer, language):  # noqa: C901 -- a case for each type
    def ours(answer):
        return 100 * scorer.mark(question, answer, "").share

    match question:
        case Single():
            for name, option in question.options.items():
                score, told = process(item, {"response1": [name]})
                assert score == ours(name)
                assert (f"{name}_fb" in told) == (option.why is not None)
        case Multi():
            for size in range(len(question.options) + 1):
                for chosen in itertools.combinations(question.options, size):
                    assert process(item, {"response1": chosen})[0] == 100 * (set(chosen) == set(question.key))
        case TrueFalse():
            assert [process(item, {"response1": [name]})[0] for name in ("true", "false")] == [ours(True), ours(False)]
        case Blanks():
            by_words = {f"response_{name}": name for name in question.blanks}
            for response, (shown, labels) in labels_of(item).items():
                assert shown == by_words[response]
                right = [name for name in labels if process(item, {response: [name]})[0]]
                for name, words in labels.items():
                    assert (ours({shown: words}) > 0) == (name in right)
            everything = {response: list(labels)[:1] for response, (_, labels) in labels_of(item).items()}
            if kind_of(item) == "fill_in_multiple_blanks_question":
                assert process(item, everything)[0] == pytest.approx(100)
        case Match():
            left = dict(zip(labels_of(item), question.left, strict=True))
            for partners in itertools.islice(itertools.product(question.right, repeat=len(left)), 200):
                given = {response: [partner] for response, partner in zip(left, partners, strict=True)}
                mine = ours(dict(zip(left.values(), partners, strict=True)))
                assert process(item, given)[0] == pytest.approx(mine, abs=0.01)
        case Order():
            given = {f"response_{n}": [name] for n, name in enumerate(question.key, 1)}
            assert process(item, given)[0] == pytest.approx(100)
            assert labels_of(item)["response_1"][1] == {n: o.shown(language) for n, o in sorted(question.items.items())}
        case Code():
            assert kind_of(item) == "essay_question"


def test_every_type_becomes_one_that_canvas_knows(exporter):
    kinds = {name: kind_of(item) for name, item in items_of(exporter).items()}
    assert {name: kind.removesuffix("_question") for name, kind in kinds.items() if "varied-" not in name} == {
        "one": "multiple_choice", "some": "multiple_answers", "statement": "true_false", "sum": "numerical",
        "shapes": "fill_in_multiple_blanks", "words": "fill_in_multiple_blanks", "pairs": "matching", "steps": "matching",
        "write": "essay",
    }  # fmt: skip


def test_one_of_the_variants_is_drawn(exporter):
    root = ElementTree.fromstring(exporter.questions())
    (group,) = root.findall(f".//{NAMESPACE}section/{NAMESPACE}section")
    assert group.findtext(f".//{NAMESPACE}selection_number") == "1"
    assert group.findtext(f".//{NAMESPACE}points_per_item") == "1"
    assert len(group.findall(f"{NAMESPACE}item")) == len(tiny.VARIANTS["varied"])


def test_the_options_of_a_choice_in_a_sentence_are_shown(exporter):
    words = items_of(exporter)["words"].findtext(f".//{NAMESPACE}mattext")
    assert words == "[word] [number] [choice] (rows / columns)"


def test_a_sentence_of_choices_only_is_one_of_menus(tmp_path):
    source = tiny.SOURCE.replace("{{word}} {{number}} {{choice}}", "{{choice}}")
    lines = [line for line in source.splitlines() if not line.startswith(("      word: ", "      number: "))]
    quiz = tiny.load(tmp_path, "\n".join(lines))
    item = items_of(qti.QtiExporter(quiz, tiny.VARIANTS, "en"))["words"]
    assert kind_of(item) == "multiple_dropdowns_question"
    ((_, labels),) = labels_of(item).values()
    assert sorted(labels.values()) == ["columns", "rows"]
    assert {words: process(item, {"response_choice": [name]})[0] for name, words in labels.items()} == {"rows": 100, "columns": 0}  # fmt: skip


def test_what_canvas_cannot_do_is_told(tmp_path):
    source = tiny.SOURCE.replace("credit: balanced", "credit: exact").replace(
        'C: {code: "2 * 2"', 'C: {score: 0.5, code: "2 * 2"'
    )
    exporter = qti.QtiExporter(tiny.load(tmp_path, source), tiny.VARIANTS, "en")
    exporter.package()
    said = {(loss.question, loss.words.en) for loss in exporter.losses}
    assert {
        ("one", "Canvas counts attempts by quiz, not by question"),
        ("one", "Canvas has no hints: left out"),
        ("one.C", "Canvas gives no partial credit for a single choice"),
        ("some", "the package asks for exact, as QTI can, but Canvas always credits by net"),
        ("shapes", "Canvas weighs all blanks alike"),
        ("shapes.W", "a shape is accepted in three spellings only"),
        ("words.word", "what only the regex accepts is not accepted"),
        ("words.number", "a number in a blank is accepted only as written"),
        ("write", "Canvas cannot run Python: exported as an essay, to be graded by hand"),
    } <= said


@pytest.mark.parametrize(("rule", "is_lost"), [("net", False), ("balanced", False), ("each", True), ("coverage", True)])
def test_net_is_canvas_own_rule_and_balanced_is_the_same_where_half_the_options_are_right(tmp_path, rule, is_lost):
    exporter = qti.QtiExporter(
        tiny.load(tmp_path, tiny.SOURCE.replace("credit: balanced", f"credit: {rule}")), tiny.VARIANTS, "en"
    )
    exporter.package()
    assert any(loss.question == "some" and "credit" in loss.words.en for loss in exporter.losses) == is_lost


def test_the_same_quiz_gives_the_same_bytes_and_losses_are_told_once(exporter):
    first, losses = exporter.package(), list(exporter.losses)
    assert exporter.package() == first
    assert exporter.losses == losses


def test_markup_in_a_quiz_stays_words(tmp_path):
    exporter = qti.QtiExporter(
        tiny.load(tmp_path, tiny.SOURCE.replace("en: this is three", "en: <script>alert(1)</script>")),
        tiny.VARIANTS,
        "en",
    )
    words = [m.text for m in ElementTree.fromstring(exporter.questions()).iter(f"{NAMESPACE}mattext")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in words


def test_the_command_writes_a_package_or_nothing(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")])
    _, err = run_quiz("export", "tiny", "--to", "qti", cwd=tmp_path, code=1)
    assert "qti cannot express shapes.W, shapes.b: a shape is accepted in three spellings only" in err
    assert not (tmp_path / "tiny.qti.zip").exists()
    assert run_quiz("export", "tiny", "--to", "qti", "--lossy", "--lang", "en", cwd=tmp_path)[0] == "tiny.qti.zip\n"
    with zipfile.ZipFile(tmp_path / "tiny.qti.zip") as archive:
        about = ElementTree.fromstring(archive.read("tiny/assessment_meta.xml"))
    texts = {child.tag.rpartition("}")[2]: child.text for child in about}
    assert (texts["title"], texts["points_possible"], texts["quiz_type"]) == ("Tiny quiz", "6", "practice_quiz")


# -- by tools of others ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quiz", "variants"), ALL_QUIZZES)
def test_another_tools_check_of_packages_finds_nothing(quiz, variants, tmp_path):
    path = tmp_path / "quiz.zip"
    path.write_bytes(qti.QtiExporter(quiz, variants, "zh").package())
    assert package_integrity.check_package(str(path)) == []


def test_that_check_would_find_a_dangling_key(exporter, tmp_path):
    path = tmp_path / "quiz.zip"
    with zipfile.ZipFile(io.BytesIO(exporter.package())) as whole, zipfile.ZipFile(path, "w") as broken:
        for name in whole.namelist():
            content = (
                whole.read(name)
                .decode()
                .replace('<varequal respident="response1">B<', '<varequal respident="response1">X<')
            )
            broken.writestr(name, content)
    assert "matches no declared choice" in package_integrity.check_package(str(path))[0]


def without_explanations(quiz):
    """That reader takes the condition of a feedback for a key."""
    questions = []
    for question in quiz.questions:
        changes = {"explain": None}
        if isinstance(question, TrueFalse):
            changes["why"] = None
        elif hasattr(question, "options"):
            changes["options"] = {n: o.model_copy(update={"why": None}) for n, o in question.options.items()}
        questions.append(question.model_copy(update=changes))
    return quiz.model_copy(update={"questions": questions})


@pytest.mark.parametrize(("quiz", "variants"), ALL_QUIZZES)
def test_another_reader_finds_the_same_keys(quiz, variants):
    items = items_of(qti.QtiExporter(without_explanations(quiz), variants, "en"))
    found = 0
    for question in quiz.questions:
        if isinstance(question, Single | Multi | TrueFalse):
            item = items[question.id]
            key = {str(question.key).lower()} if isinstance(question, TrueFalse) else set(question.key)
            assert qti2latex.get_correct_idents(item) == key
            assert qti2latex.guess_type(qti2latex.get_qti_metadata(item), item) == kind_of(item)
            if not isinstance(question, TrueFalse):
                assert [name for name, _ in qti2latex.get_choices(item)] == list(question.options)
            found += 1
    assert found > 4


@pytest.mark.parametrize(("quiz", "variants"), ALL_QUIZZES)
def test_another_reader_of_moodle_finds_the_same_keys(quiz, variants):
    found = parse_string(moodle.MoodleExporter(quiz, variants, "en").xml())
    choices = {q.name: q for q in found["multichoice"]}
    clozes = {q.name: q for q in found["cloze"]}
    for question in quiz.questions:
        if isinstance(question, Single | Multi):
            read = choices[question.id]
            right = [name for name, o in zip(question.options, read.options, strict=True) if o.score_fraction > 0]
            assert right == [name for name in question.options if name in question.key]
            assert read.single == isinstance(question, Single)
        elif isinstance(question, Blanks):
            assert len(clozes[question.id].gaps) == len(question.blanks)

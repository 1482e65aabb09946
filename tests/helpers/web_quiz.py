"""The quiz with every type of question, in the tiny course as it is served to browsers, and forms filled in by hand."""

import json
import re
from typing import Any

import tiny_quiz
from web_course import Browser

from autograder.course.course import Course
from autograder.quiz.proofs import certificates
from autograder.quiz.proofs.certificates import Certificate, Certificates, fingerprint, torch_version
from autograder.quiz.questions import loading
from autograder.web.data import offerings
from autograder.web.data.models import FeedbackPolicy, Kind, Offering, Person
from autograder.web.site import Site

PATH = "/quizzes/tiny"


def make(course: Course, name: str = "tiny") -> None:
    """Write the quiz into a course, with variants and the evidence of one proof, as proving it leaves them."""
    file = tiny_quiz.make(course.root, tiny_quiz.SOURCE.replace("id: tiny", f"id: {name}"))
    file = file.rename(file.with_name(f"{name}.yaml"))
    quiz = loading.load(file)
    varied, one = (next(q for q in quiz.questions if q.id == name) for name in ("varied", "one"))
    variants = [
        {"params": v.params, "answer": v.answer, "wrong": [list(w) for w in v.wrong]}
        for v in tiny_quiz.VARIANTS["varied"]
    ]
    known = {
        "varied": Certificate(sha256=fingerprint(varied), torch=torch_version(), variants=variants),
        "one": Certificate(
            sha256=fingerprint(one),
            torch=torch_version(),
            evidence={k: {"value": v} for k, v in zip("ABC", (3, 2, 4), strict=True)},
        ),
    }
    certificates.save(file, Certificates(schema=1, quiz=quiz.id, questions=known))


def publish(opened: Site, by: Person, name: str = "tiny", **rules: Any) -> Offering:
    """Publish it for practice, open to everybody unless the rules say something else."""
    usual: dict[str, Any] = {"opens_at": None, "due_at": None, "closes_at": None, "feedback": FeedbackPolicy.at_once}
    with opened.database.write() as session:
        return offerings.publish(session, name, by=by, kind=Kind.quiz, **usual | {"mode": "practice"} | rules)


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields that say which answers a page was made with."""
    return dict(re.findall(r'name="(was:\w+)" value="(\w+)"', page))


def fields(answers: dict[str, Any]) -> dict[str, Any]:
    """Return answers, as sheets have them, as the form's fields."""
    found: dict[str, Any] = {}
    for question, answer in answers.items():
        if isinstance(answer, dict):
            found |= {f"a:{question}:{part}": words for part, words in answer.items()}
        elif isinstance(answer, list) and question == "steps":
            found |= {f"a:{question}:{n}": item for n, item in enumerate(answer)}
        else:
            found[f"a:{question}"] = str(answer).lower() if isinstance(answer, bool) else answer
    return found


def answer(browser: Browser, answers: dict[str, Any], action: str = "answers", path: str = PATH, **values: str) -> Any:
    """Load the page, fill in answers to some questions and press a button; other fields stay as the page has them."""
    marks = form_of(browser.get(path).text)
    asked = {f"was:{name}": marks[f"was:{name}"] for name in answers}
    return browser.send_form(f"{path}/{action}", asked | fields(answers) | values)


def sheet_in(text: str) -> dict[str, Any]:
    """Return the answers in a sheet."""
    found: dict[str, Any] = json.loads(text)["answers"]
    return found

"""Taking a quiz, page by page: question, answer, verdict; at the end the review with what the proofs found."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text as Styled

from autograder.base.errors import SandboxError
from autograder.base.i18n import Text, text
from autograder.quiz.notation.formulas import in_lines
from autograder.quiz.notation.parsing import FormatError, shown
from autograder.quiz.proofs.certificates import Certificate
from autograder.quiz.proofs.evidence import tell
from autograder.quiz.questions.fields import with_gaps
from autograder.quiz.questions.fill_in import Blanks, Code, Number
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Single, TrueFalse
from autograder.quiz.scoring.markers import choices_of, read_any
from autograder.quiz.scoring.outcomes import QuestionOutcome
from autograder.quiz.scoring.sheets import Sheet
from autograder.quiz.take.forms import check_blank
from autograder.quiz.take.released import ShownBlank, ShownOption, ShownQuestion
from autograder.quiz.take.screens import LETTER_COMMANDS, LETTERS, Choice, Command, Screen
from autograder.quiz.take.sitting import Sitting
from autograder.quiz.terminal import MARKS, STYLES
from autograder.report.tables import plain_table, points


class Taking:
    """Leads one student through one quiz.

    Args:
        sitting: the answers.
        screen: shows the pages and takes the answers.
        certificates: the evidence shown afterwards, by question.
    """

    def __init__(self, sitting: Sitting, screen: Screen, certificates: Mapping[str, Certificate]) -> None:
        self._sitting, self._screen, self._certificates = sitting, screen, certificates
        self._ticked: set[str] | None = None
        self._parts: dict[str, str] = {}
        """The parts answered so far, kept while the student takes a hint or changes the language."""

    def run(self) -> bool:
        """Show pages until the student finishes or stops; return whether they finished."""
        command = self._welcome()
        while command is not Command.QUIT:
            command = self._page()
            if command not in (Command.HINT, Command.LANGUAGE):
                self._ticked, self._parts = None, {}
            if command is Command.SKIP:
                command = self._next()
                if command is Command.SKIP:
                    return True
            elif command is Command.BACK:
                self._sitting.position = max(0, self._sitting.position - 1)
            elif command is Command.LANGUAGE:
                languages = list(dict(self._sitting.shown.title))
                position = languages.index(self._screen.language) if self._screen.language in languages else -1
                self._screen.language = languages[(position + 1) % len(languages)]
        self._say(self.saved)
        return False

    def _next(self) -> Command | None:
        """Go to the next question, or from the last one to the end; return a command if the student leaves there."""
        sitting = self._sitting
        sitting.position += 1
        if sitting.position < len(sitting.shown.questions):
            return None
        command = self._last_page()
        if command is None:
            sitting.position = sitting.unanswered()[0]
        return command

    @property
    def saved(self) -> Text:
        """How a student who stops can continue later."""
        return text("saved in {file}; run the same command again to continue", file=self._sitting.path.name)

    # -- pages ---------------------------------------------------------------------------------------------------------

    def _say(self, words: Text, style: str = "") -> None:
        self._screen.say(in_lines(words.get(self._screen.language)), style)

    def _welcome(self) -> Command | None:
        shown_quiz = self._sitting.shown
        self._screen.begin()
        self._say(shown_quiz.title, "bold")
        if shown_quiz.intro is not None:
            self._say(shown_quiz.intro)
        self._say(
            text(
                "{count} questions, {points} points. Back: <   next: >   hint: h   language: l   save and quit: q",
                count=len(shown_quiz.questions),
                points=points(shown_quiz.points),
            ),
            "dim",
        )
        return self._screen.wait()

    def _page(self) -> Command | None:
        """Show the current question and take an answer to it."""
        sitting, question = self._sitting, self._sitting.question
        self._screen.begin()
        self._head(question)
        if not sitting.is_open(question):
            self._verdict_again(question)
            return self._screen.wait() or Command.SKIP
        given = self._ask(question)
        if given is Command.HINT:
            if sitting.tries[question.id].hints == len(question.hints):
                self._say(text("there are no hints left"), "yellow")
                self._screen.wait()
            else:
                sitting.take_hint()
            return Command.HINT
        if isinstance(given, Command):
            return given
        return self._answer(question, given)

    def _head(self, question: ShownQuestion) -> None:
        sitting, language = self._sitting, self._screen.language
        place = text("question {number} of {count}", number=sitting.position + 1, count=len(sitting.shown.questions))
        worth = text("points: {points}", points=points(question.points))
        self._screen.say(f"{place.get(language)} · {worth.get(language)}", "bold blue")
        prompt = question.prompt_for(sitting.variant(question), language)
        self._screen.say(with_gaps(prompt, question.blanks, "____({})", in_lines) + "\n")
        for name, expression in question.given.items():
            self._screen.say(f"    `{name} = {expression}`")
        tries = sitting.tries[question.id]
        letters = LETTERS[: _most_options(question)]
        for hint in question.hints[: tries.hints]:
            self._say(text("hint: {hint}", hint=hint.text), "magenta")
        for hint in question.hints[tries.hints : tries.hints + 1]:
            key = ":h" if "H" in letters else "h"
            words = text("(press {key} for a hint)", key=key)
            if hint.cost:
                words = text("(press {key} for a hint: -{percent} %)", percent=round(100 * hint.cost), key=key)
            self._say(words, "dim")
        if taken := [letter for letter in LETTER_COMMANDS if letter in letters]:
            commands = ", ".join(f":{letter.lower()}" for letter in LETTER_COMMANDS)
            self._say(
                text("({taken}: options here; commands: {commands})", taken=", ".join(taken), commands=commands), "dim"
            )
        if tries.attempts:
            self._say(text("your answer so far: {answer}", answer=self._told(question, tries.attempts[-1])), "dim")
        if sitting.scorer is not None and tries.attempts and sitting.is_open(question):
            left = len(question.attempts) - len(tries.attempts)
            worth_now = round(100 * question.attempts[len(tries.attempts)])
            words = text("attempts left: {count}; this one earns up to {percent} %", count=left, percent=worth_now)
            self._say(words, "yellow")

    def _answer(self, question: ShownQuestion, given: Any) -> Command | None:
        sitting = self._sitting
        try:
            verdict = sitting.answer(given)
        except FormatError as error:
            self._say(error.text, "magenta")
            self._say(text("this does not use up an attempt"), "dim")
            return self._screen.wait()
        except SandboxError:
            self._say(text("this machine cannot run your answer; it was not judged"), "yellow")
            return self._screen.wait() or Command.SKIP
        if verdict is None:
            return Command.SKIP
        mark = "right" if verdict.share == 1 else "partial" if verdict.share else "wrong"
        told = {"right": text("right!"), "partial": text("partly right"), "wrong": text("not right")}[mark]
        self._screen.say(f"{MARKS[mark]} {told.get(self._screen.language)}", STYLES[mark])  # type: ignore[index]
        for words in (*verdict.malformed, *verdict.feedback):
            self._say(words)
        if sitting.is_open(question):
            return self._screen.wait()
        self._reveal(question)
        return self._screen.wait() or Command.SKIP

    def _verdict_again(self, question: ShownQuestion) -> None:
        share = max((self._sitting.share(question, a) for a in self._sitting.tries[question.id].attempts), default=0.0)
        mark = "right" if share == 1 else "partial" if share else "wrong"
        self._screen.say(MARKS[mark], STYLES[mark])  # type: ignore[index]
        self._reveal(question)

    # -- answers -------------------------------------------------------------------------------------------------------

    def _lettered(self, question: ShownQuestion, options: Mapping[str, ShownOption]) -> dict[str, str]:
        """Return the name of each option by the letter it is shown with."""
        names = self._sitting.order(question, list(options))
        return dict(zip(LETTERS, names, strict=False))

    def _choices(self, letters: Mapping[str, str], options: Mapping[str, ShownOption]) -> list[Choice]:
        return [(letter, self._option(options[name])) for letter, name in letters.items()]

    def _option(self, option: ShownOption) -> str:
        """Return the text of an option; a dollar sign in code starts no formula."""
        return in_lines(option.text.get(self._screen.language)) if option.text is not None else option.code or ""

    def _ask(self, question: ShownQuestion) -> Any:
        """Ask for an answer; return it as `score` reads it, or a command."""
        match question.type:
            case "single":
                letters = self._lettered(question, question.options)
                picked = self._screen.pick(self._choices(letters, question.options))
                return picked if isinstance(picked, Command) else letters[picked]
            case "multi":
                return self._ask_several(question)
            case "truefalse":
                language = self._screen.language
                picked = self._screen.pick([("A", text("true").get(language)), ("B", text("false").get(language))])
                return picked if isinstance(picked, Command) else picked == "A"
            case "blanks":
                return self._ask_blanks(question)
            case "match":
                return self._ask_match(question)
            case "order":
                return self._ask_order(question)
        return self._screen.line(text("your answer").get(self._screen.language))

    def _ask_several(self, question: ShownQuestion) -> Any:
        letters = self._lettered(question, question.options)
        by_name = {name: letter for letter, name in letters.items()}
        self._say(text("several may be right; Enter when done"), "dim")
        before = self._sitting.tries[question.id].attempts
        chosen = [by_name[name] for name in read_any(choices_of(question.options), before[-1])] if before else []
        self._ticked = set(chosen) if self._ticked is None else self._ticked
        picked = self._screen.pick_several(self._choices(letters, question.options), self._ticked)
        return picked if isinstance(picked, Command) else sorted(letters[letter] for letter in picked)

    def _ask_blanks(self, question: ShownQuestion) -> Any:
        answer = self._parts
        kinds = {"shape": text("a shape"), "number": text("a number"), "text": text("a word"), "choice": text("choose")}
        for name, blank in question.blanks.items():
            language = self._screen.language
            given: str | Command
            if name in answer:
                self._screen.say(f"{name} = {self._part_told(question, name, answer[name])}")
                continue
            if blank.options:
                self._screen.say(f"{name}:")
                letters = self._lettered(question, blank.options)
                given = self._screen.pick(self._choices(letters, blank.options))
                given = given if isinstance(given, Command) else letters[given]
            else:
                given = self._ask_readable(f"{name} ({kinds[blank.kind].get(language)})", blank)
            if isinstance(given, Command):
                return given
            answer[name] = given
        return dict(answer)

    def _ask_readable(self, prompt: str, blank: ShownBlank) -> str | Command:
        """Ask for a line until it can be read, so that one slip does not cost the other blanks."""
        while True:
            given = self._screen.line(prompt)
            if isinstance(given, Command) or not given:
                return given
            try:
                check_blank(blank, given)
            except FormatError as error:
                self._say(error.text, "magenta")
                self._say(text("this does not use up an attempt"), "dim")
            else:
                return given

    def _ask_match(self, question: ShownQuestion) -> Any:
        letters = self._lettered(question, question.right)
        answer, by_name = self._parts, {name: letter for letter, name in letters.items()}
        for name, left in question.left.items():
            self._screen.say(f"\n{name}. {self._option(left)}  →", "bold")
            if name not in answer:
                picked = self._screen.pick(self._choices(letters, question.right))
                if isinstance(picked, Command):
                    return picked
                answer[name] = letters[picked]
            self._screen.say(f"    → {by_name[answer[name]]}", "cyan")
        return dict(answer)

    def _ask_order(self, question: ShownQuestion) -> Any:
        letters = self._lettered(question, question.items)
        for letter, words in self._choices(letters, question.items):
            self._screen.say(f"  {letter}  {words}")
        while True:
            given = self._screen.line(text("all letters, in the right order").get(self._screen.language))
            if isinstance(given, Command):
                return given
            named = dict(zip(map(str, range(1, len(letters) + 1)), letters, strict=True))  # 1 is the first option
            signs = unicodedata.normalize("NFKC", given).upper()
            picked = [named.get(sign, sign) for sign in signs if sign.isalnum()]
            if sorted(picked) == sorted(letters):
                return [letters[letter] for letter in picked]
            self._say(text("use every letter once: {letters}", letters="".join(letters)), "magenta")

    def _told(self, question: ShownQuestion, answer: Any) -> str:
        """Return an answer in the letters the student chose."""
        options = question.options or question.items
        if options:
            by_name = {name: letter for letter, name in self._lettered(question, options).items()}
            names = answer if isinstance(answer, list) else [answer]
            letters = [by_name.get(str(name), shown(name)) for name in names]
            return ", ".join(letters if question.items else sorted(letters)) or "–"
        if isinstance(answer, bool):
            return (text("true") if answer else text("false")).get(self._screen.language)
        if isinstance(answer, dict) and question.blanks:
            return ", ".join(f"{name} = {self._part_told(question, name, part)}" for name, part in answer.items())
        if isinstance(answer, dict) and question.type == "match":
            partners = {name: letter for letter, name in self._lettered(question, question.right).items()}
            return ", ".join(
                f"{question.left[name].get(self._screen.language)} → {partners.get(str(part), shown(part))}"
                for name, part in answer.items()
                if name in question.left
            )
        return shown(answer)

    def _part_told(self, question: ShownQuestion, name: str, part: Any) -> str:
        """Return what fills a blank: an option by its text, since its letter holds for this student only."""
        options = question.blanks[name].options if name in question.blanks else {}
        return self._option(options[part]) if isinstance(part, str) and part in options else shown(part)

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def _reveal(self, question: ShownQuestion) -> None:
        """Show the right answer, why the others are wrong, and the evidence."""
        keyed = self._sitting.keyed(question)
        if keyed is None:
            return
        right = self._right(question, keyed)
        self._say(text("right answer: {answer}", answer=self._told(question, right)), "green")
        if keyed.explain is not None:
            self._say(keyed.explain)
        if isinstance(keyed, Single | Multi):
            by_name = {name: letter for letter, name in self._lettered(question, question.options).items()}
            for name in sorted(by_name, key=by_name.__getitem__):
                why = keyed.options[name].why
                if why is not None:
                    self._screen.say(f"  {by_name[name]}: {in_lines(why.get(self._screen.language))}", "dim")
        self._evidence(question, keyed)

    def _right(self, question: ShownQuestion, keyed: AnyQuestion) -> Any:
        match keyed:
            case Single() | Multi():
                return sorted(keyed.key)
            case TrueFalse() | Match() | Order():
                return keyed.key
            case Blanks():
                return {n: self._blank_shown(b.answer) for n, b in keyed.blanks.items()}
            case Number() if keyed.params:
                return self._certificates[keyed.id].variants[self._sitting.variant(question)]["answer"]
            case Number() | Code():
                return keyed.answer

    @staticmethod
    def _blank_shown(answer: Any) -> Any:
        if not isinstance(answer, list):
            return answer
        return "x".join(map(str, answer)) if len(answer) > 1 else str(tuple(answer))

    def _evidence(self, question: ShownQuestion, keyed: AnyQuestion) -> None:
        """Show what running each option gave, in one line if it is the same for all."""
        certificate = self._certificates.get(question.id)
        if certificate is None or not certificate.evidence or not isinstance(keyed, Single | Multi | TrueFalse):
            return
        rows = certificate.evidence
        names = list(dict.fromkeys(name for values in rows.values() for name in values))
        if not names:
            return
        self._say(text("What running it gave:"), "bold")
        letters = {name: letter for letter, name in self._lettered(question, question.options).items()}
        table = plain_table()
        same = all(values == next(iter(rows.values())) for values in rows.values())
        lines = {"": next(iter(rows.values()))} if same else {letters.get(of, of): v for of, v in rows.items()}
        self._screen.draw(_table(table, names, lines))

    def _last_page(self) -> Command | None:
        """Show what is unanswered and finish; return None if the student goes back to the questions."""
        sitting, screen = self._sitting, self._screen
        screen.begin()
        if missing := sitting.unanswered():
            numbers = ", ".join(str(position + 1) for position in missing)
            self._say(text("not answered yet: {numbers}", numbers=numbers), "yellow")
            language = screen.language
            finish = text("finish anyway").get(language)
            picked = screen.pick([("A", text("go back to them").get(language)), ("B", finish)])
            if picked is Command.QUIT:
                return Command.QUIT
            if picked != "B":
                return None
        if sitting.scorer is not None:
            self._score()
        else:
            self._say(text("All answers are saved in {file}. Hand in this file.", file=sitting.path.name), "green")
        return Command.SKIP

    def _score(self) -> None:
        sitting = self._sitting
        assert sitting.scorer is not None
        answers = {name: {"attempts": t.attempts, "hints": t.hints} for name, t in sitting.tries.items()}
        scored = sitting.scorer.score(Sheet(sitting.student, answers))
        words = text("{score} of {maximum} points", score=points(scored.score), maximum=points(scored.max_score))
        self._say(words, "bold")
        table = plain_table()
        for heading in ("", "", text("points").get(self._screen.language)):
            table.add_column(heading)
        for question, outcome in zip(sitting.shown.questions, scored.questions, strict=True):
            table.add_row(*self._score_line(question, outcome))
        self._screen.draw(table)

    def _score_line(self, question: ShownQuestion, outcome: QuestionOutcome) -> Sequence[Styled]:
        prompt = question.prompt_for(self._sitting.variant(question), self._screen.language)
        line = shown(with_gaps(prompt, question.blanks, "__", in_lines), 56)
        return (
            Styled(MARKS[outcome.outcome], style=STYLES[outcome.outcome]),
            Styled(line),
            Styled(f"{points(outcome.earned)}/{points(outcome.points)}"),
        )


def _most_options(question: ShownQuestion) -> int:
    """Return the largest number of options that one is picked from."""
    blanks = (len(blank.options) for blank in question.blanks.values())
    return max(len(question.options), len(question.right), *blanks, 0)


def _table(table: Table, names: Sequence[str], lines: Mapping[str, Mapping[str, Any]]) -> Table:
    table.add_column("")
    for name in names:
        table.add_column(Styled(name.replace("_", " ")), justify="right")
    for letter, values in sorted(lines.items()):
        table.add_row(Styled(letter, style="bold"), *(Styled(tell(values.get(name, "–"))) for name in names))
    return table

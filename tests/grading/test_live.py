"""Somebody looks on while a submission is judged: criteria as they come, then the report, then what the cells show."""

import base64
import json
import struct
import threading
import zlib

import psutil
import pytest
import tiny_course as tiny
import torch

from autograder.course.course import PRACTICE_KEY
from autograder.course.jobs import Job
from autograder.grading.live import Begun, Judged, Looked
from autograder.grading.warm import WarmEngines
from autograder.results.shown import MAX_PICTURES, MAX_SIDE, MAX_WORDS
from autograder.sandbox.frames import Received, WireError
from autograder.sandbox.values import Decoder, Encoder
from autograder.student.shown import accept_shown, picture_only

SETTINGS = tiny.SETTINGS.replace("cell_s: 2", "cell_s: 3") + "preload: [matplotlib.pyplot]\n"
FLATTENS = "def double(x):\n    return (2 * x).flatten()\n"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("course"), settings=SETTINGS)


@pytest.fixture(scope="module")
def engines():
    opened = WarmEngines(PRACTICE_KEY, sessions=1, most=1, confined=True)
    yield opened
    opened.close()


@pytest.fixture
def judge(course, engines, tmp_path):
    """Judge the exercise `double` and return the report with everything that was heard, in its order."""

    def judge(double=tiny.DOUBLE, *, content=None, live=True, on_event=lambda event: None):
        file = tmp_path / str(len(list(tmp_path.iterdir()))) / "tiny.ipynb"
        file.parent.mkdir()
        file.write_text(json.dumps(content or tiny.answers(double)))
        heard, is_over = [], threading.Event()

        def hear(event):
            heard.append(event)
            on_event(event)
            if isinstance(event, Looked):
                is_over.set()

        job = Job("ann", "tiny", file, exercise="double", visible_only=True, live=live)
        future = engines.judge(course.assignment("tiny"), job, hear if live else None)
        future.add_done_callback(lambda _: heard.append("report"))
        report = future.result(60)
        assert not live or is_over.wait(60)
        return report, heard

    return judge


def shown(heard):
    """Return what was printed, and the sizes of the pictures."""
    things = heard[-1].shown
    pictures = [base64.b64decode(one.picture) for one in things if one.picture]
    return "".join(one.words for one in things), [struct.unpack(">II", png[16:24]) for png in pictures]


# -- what is heard -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [tiny.DOUBLE, FLATTENS, "def double(x):\n    return x + 1\n", "def double(x:\n"])
def test_criteria_come_one_by_one_and_the_report_is_the_one_without_company(judge, double):
    report, heard = judge(double)
    kinds = [event if event == "report" else type(event) for event in heard]
    assert kinds == [Begun, Judged, Judged, "report", Looked]
    (asked,) = heard[0].exercises
    assert [c.id for c in asked.criteria] == ["double.shape", "double.values"]
    judged = [event.result for event in heard[1:3]]
    (exercise,) = report.exercises
    assert judged == [c.model_copy(update={"diagnosis": None}) for c in exercise.criteria]
    alone, _ = judge(double, live=False)
    assert alone.model_copy(update={"duration_s": 0}) == report.model_copy(update={"duration_s": 0})


def test_a_session_killed_before_its_report_begins_again_and_one_killed_after_it_does_not(judge):
    def kill_sessions():
        for child in psutil.Process().children(recursive=True):
            if child.name() == "session":
                child.kill()

    killed = []

    def after_the_first_verdict(event):
        if isinstance(event, Judged) and not killed:
            killed.append(event)
            kill_sessions()

    report, heard = judge("import time\n\ndef double(x):\n    time.sleep(0.5)\n    return 2 * x\n", on_event=after_the_first_verdict)  # fmt: skip
    assert report.score == 5
    assert sum(isinstance(event, Begun) for event in heard) == 2
    assert heard.count("report") == 1


# -- what the cells show -----------------------------------------------------------------------------------------------

PLOT = "import matplotlib.pyplot as plt\n"


@pytest.mark.parametrize(
    ("cell", "words", "pictures"),
    [
        ("x = 1", "", 0),
        ("print('one')\nprint('two')", "one\ntwo\n", 0),
        ("double(torch.ones(2))", "tensor([2., 2.])\n", 0),
        ("double(torch.ones(2));", "", 0),
        ("import sys\nprint('!', file=sys.stderr)", "!\n", 0),
        (PLOT + "plt.plot([1, 2])\nplt.show()", "", 1),
        (PLOT + "plt.plot([1, 2])\nplt.show()\nplt.plot([2, 1])\nplt.show()", "", 2),
        (PLOT + "_, axes = plt.subplots()\naxes.plot([1, 2]);", "", 1),
        (PLOT + "fig, axes = plt.subplots()\ndisplay(fig)\nfig", "", 1),
        (PLOT + "plt.plot([1, 2]);\nprint('a')\nraise ValueError", "a\n", 1),
        (PLOT + "plt.figure(figsize=(300, 300));", "", 1),
        (PLOT + "plt.plot([1, 2])\nplt.text(900, 1, 'far');", "", 1),
        (PLOT + "fig = plt.figure()\nfig.savefig('x.png')", "", 1),
        ("from IPython.display import HTML, SVG\nHTML('<script>alert(1)</script>')", "HTML object", 0),
        ("print('gone')\nfrom IPython.display import clear_output\nclear_output()\nprint('here')", "here\n", 0),
        ("class Odd:\n    def __repr__(self): raise ValueError\nOdd()", "", 0),
    ],
)
def test_what_a_cell_of_the_exercise_shows(judge, cell, words, pictures):
    report, heard = judge(f"{tiny.DOUBLE}\n{cell}")
    said, sizes = shown(heard)
    assert said == words if words.endswith("\n") or not words else words in said
    assert len(sizes) == pictures
    assert all(0 < side <= MAX_SIDE for size in sizes for side in size)
    assert report.score == 5


def test_slow_cells_behind_an_exercise_run_once_it_is_right_and_cells_of_others_show_nothing(judge):
    before = ["print('before')", tiny.code_cell("four = torch.tensor(4)", tags=["skip-grading"])]
    slow = tiny.code_cell("print('double of 4:', double(four))", tags=["skip-grading"])
    notebook = tiny.answers(before=before, step="print('step')\n" + tiny.STEP)
    behind = next(i for i, cell in enumerate(notebook["cells"]) if cell["id"] == "test-double") + 1
    notebook["cells"].insert(behind, slow)
    assert shown(judge(content=notebook)[1]) == ("double of 4: tensor(8)\n", [])
    answer = next(cell for cell in notebook["cells"] if cell["id"] == "double")
    answer["source"] = FLATTENS
    assert shown(judge(content=notebook)[1]) == ("", [])


@pytest.mark.parametrize(
    "cell",
    [
        "for _ in range(60): print('x' * 2**20)",
        "while True: print('x' * 1000)",
        PLOT + "for i in range(25): plt.figure(figsize=(1, 1))",
        "class Png:\n    def _repr_png_(self): return b'<svg xmlns=...>'\ndisplay(*[Png() for _ in range(10_000)])",
        "class Png:\n    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 2**25\ndisplay(Png())",
        PLOT
        + "import matplotlib.figure as f\ndef no(*_, **__):\n    while True: pass\nf.Figure.savefig = no\nplt.figure()",
        "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(0.4), os._exit(0))).start()",
        "import autograder, gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'Watch': o._things = [('code cell 2', 7)] * 9",
    ],
)
def test_too_much_costs_only_what_is_shown(judge, cell):
    report, heard = judge(f"{tiny.DOUBLE}\n{cell}")
    said, sizes = shown(heard)
    assert len(said) <= MAX_WORDS
    assert len(sizes) <= MAX_PICTURES
    assert report.status == "graded"
    assert judge()[0].score == 5


# -- what a worker may say ---------------------------------------------------------------------------------------------


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width=2, height=1, *, more=b"", depth=8, colour=0, end=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"\0" + bytes(2))
    return SIGNATURE + chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"") + end


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a",
        SIGNATURE,
        SIGNATURE + b"<script>",
        png(MAX_SIDE + 1),
        png(1, 2**31 - 1),
        png(0),
        png(depth=3),
        png(colour=5),
        png()[:-1],
        png().replace(b"IDAT", b"IDAS"),
        png(more=chunk(b"XXXX", b"")),
        png(more=chunk(b"IHDR", bytes(13))),
        SIGNATURE + chunk(b"IDAT", b"") + png()[8:],
        png(more=(2**32 - 1).to_bytes(4, "big") + b"tEXt"),
    ],
)
def test_what_is_no_picture_is_none(content):
    assert picture_only(content) is None


@pytest.mark.parametrize(
    "more", [b"", *(chunk(kind, b"<script>") for kind in (b"tEXt", b"iCCP", b"eXIf", b"acTL", b"fdAT"))]
)
def test_of_a_picture_nothing_but_the_picture_is_left(more):
    assert picture_only(png(more=more, end=b"<html><script>")) == png()


def received(things):
    encoder = Encoder()
    tree = encoder.encode(things)
    return tree, [Received(tensor, False, True) for tensor in encoder.tensors]


@pytest.mark.parametrize(
    "things",
    [
        3,
        "x",
        [3],
        [["a"]],
        [["b", "x"]],
        [["a", 3]],
        [["a", torch.zeros(3)]],
        [["a", torch.zeros((2, 2), dtype=torch.uint8)]],
        [["a", ["x"]]],
    ],
)
def test_malformed_answers_are_refused(things):
    tree, tensors = received(things)
    with pytest.raises((WireError, TypeError, ValueError, KeyError)):
        accept_shown(tree, tensors, {"a": "double"})
    assert Decoder([one.tensor for one in tensors]).decode(tree) is not None


def test_ten_thousand_pictures_and_words_are_cut_and_this_is_said_once():
    picture = torch.frombuffer(bytearray(png()), dtype=torch.uint8)
    tree, tensors = received([["a", picture]] * 10_000)
    found = accept_shown(tree, tensors, {"a": "double"})
    assert sum(bool(one.picture) for one in found) == MAX_PICTURES
    assert sum(one.left_out for one in found) == 1
    tree, tensors = received([["a", "\x1b[2J\u202e" + "x" * 9_000]] * 10)
    found = accept_shown(tree, tensors, {"a": "double"})
    assert sum(len(one.words) for one in found) == MAX_WORDS
    assert not {"\x1b", "\u202e"} & set("".join(one.words for one in found))
    assert [one.left_out for one in found] == [False, False, True]

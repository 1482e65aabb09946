"""Downloads as learning management systems give them, with made-up people."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

NOTE = "Name: {name} ({user})\nAssignment: PS1\nDate Submitted: Tuesday, 3 March 2026\n\nFiles:\n\t{files}\n"
WORK = "{}"


@dataclass(frozen=True)
class Sample:
    """One download.

    Args:
        system: where it comes from.
        files: contents by name; folders end in a slash.
        taken: the students who are collected.
        not_taken: the students of whom nothing can be taken.
        late: those of them whom the LMS calls late.
        name: of the zip.
    """

    system: str
    files: dict[str, str | bytes]
    taken: set[str]
    not_taken: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    name: str = "download"

    def write(self, folder: Path) -> Path:
        """Write it as a zip."""
        path = folder / f"{self.name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        return path


def _note(column: str, user: str, name: str, *, file: str = "", encoding: str = "utf-8") -> dict[str, str | bytes]:
    """An attempt at Blackboard: the note, and the file if there is one."""
    head = f"{column}_{user}_attempt_2026-03-03-11-00-00"
    words = f"Original filename: {file}" if file else "No files were attached to this submission."
    note: dict[str, str | bytes] = {f"{head}.txt": NOTE.format(name=name, user=user, files=words).encode(encoding)}
    return note | ({f"{head}_{file}": WORK} if file else {})


_METADATA = """\
submission_1:
  :submitters:
  - :name: Alice Example
    :sid: '1001'
    :email: alice@example.org
  :created_at: 2026-03-03 11:00:00.123456789 Z
  :score: 3
  :history:
  - :id: 5
    :created_at: 2026-03-01 11:00:00 Z
submission_2:
  :submitters:
  - :name: "Bob: Example"
    :sid:
  - :name: 张三
  :created_at: 2026-03-03 03:00:00.5 -08:00
submission_4:
  :submitters:
  - :name: Gone Example
"""

SAMPLES = {
    "canvas: text, link, late": Sample(
        "canvas",
        {
            "annexample_1001_50001_hw.ipynb": WORK,
            "bobexample_LATE_1002_50002_hw-1.ipynb": WORK,
            "carlexample_1003_text.html": "<p>see my page</p>",
            "danaexample_LATE_1004_link.html": "<a>here</a>",
            "team_5_1009_text.html": "<p>we are a group</p>",
            "张三_LATE_1005_50006_text.html": "<p>uploaded</p>",
        },
        {"annexample_1001", "bobexample_1002"},
        {"carlexample_1003", "danaexample_1004", "team_5_1009", "张三_1005"},
        late={"bobexample_1002"},
    ),
    "canvas: nothing but text": Sample("canvas", {"ann_1001_text.html": "x", "bob_1002_text.html": "y"}, set(), {"ann_1001", "bob_1002"}),
    "canvas: anonymous": Sample(
        "canvas",
        {
            "anon_k3Rtq_50001_hw.ipynb": WORK,
            "LATE_anon_b2Tzz_50002_hw.ipynb": WORK,
            "anon_c3Pqr_50003_hw.ipynb": WORK,
            "anon_c3Pqr_50004_helper.py": WORK,
            "anon_d4Xyz_text.html": "x",
        },
        {"anon_k3Rtq", "anon_b2Tzz", "anon_c3Pqr"},
        {"anon_d4Xyz"},
        late={"anon_b2Tzz"},
    ),
    "canvas: groups with numbers and underscores": Sample(
        "canvas",
        {
            "team_alpha_2001_50001_hw.ipynb": WORK,
            "team_beta_LATE_2002_50002_hw.ipynb": WORK,
            "team_1_2003_50003_hw.ipynb": WORK,
            "three_2004_50004_2026_03_hw.ipynb": WORK,
        },
        {"team_alpha_2001", "team_beta_2002", "team_1_2003", "three_2004"},
        late={"team_beta_2002"},
    ),
    "canvas: uploaded again, and numbers of the student's own": Sample(
        "canvas",
        {
            "ann_1001_50001_hw.ipynb": "1",
            "ann_1001_50009_hw-1.ipynb": WORK,
            "bob_1002_50002_part-1.py": WORK,
            "bob_1002_50003_part-2.py": WORK,
        },
        {"ann_1001", "bob_1002"},
    ),
    "canvas: a folder around, and litter": Sample(
        "canvas", {"submissions/ann_1_2_hw.ipynb": WORK, "__MACOSX/submissions/._ann_1_2_hw.ipynb": "x"}, {"ann_1"}
    ),
    "canvas: questions of a quiz": Sample(
        "canvas",
        {
            "annexample1001_question_771_50001_hw.ipynb": WORK,
            "annexample1001_question_772_50002_hw.ipynb": WORK,
            "bobexample1002_question_771_50003_hw.ipynb": WORK,
        },
        {"annexample1001", "bobexample1002"},
    ),
    "moodle: online text": Sample(
        "moodle",
        {
            "Alice Example_900001_assignsubmission_file_/hw.ipynb": WORK,
            "Bob Example_900002_assignsubmission_onlinetext_/onlinetext.html": "<p>my link</p>",
            "Bob Example_900002_assignsubmission_onlinetext_/picture.png": "x",
            "Dana Example_900004_assignsubmission_file_/hw.ipynb": WORK,
            "Dana Example_900004_assignsubmission_onlinetext_/onlinetext.html": "<p>a comment</p>",
            "Eve Example_900005_assignsubmission_file_/report.pdf": "x",
        },
        {"Alice Example", "Dana Example"},
        {"Bob Example", "Eve Example"},
    ),
    "moodle: without folders": Sample(
        "moodle",
        {
            "Alice Example_1_assignsubmission_file_hw.ipynb": WORK,
            "Bob Example_2_assignsubmission_onlinetext_onlinetext.html": "x",
        },
        {"Alice Example"},
        {"Bob Example"},
    ),
    "moodle: blind, in several languages": Sample(
        "moodle",
        {
            "参与者_1_assignsubmission_file_/hw.ipynb": WORK,
            "Teilnehmer_in_2_assignsubmission_file_/hw.ipynb": WORK,
            "Participant_3_assignsubmission_file_/hw.ipynb": WORK,
        },
        {"参与者_1", "Teilnehmer_in_2", "Participant_3"},
    ),
    "moodle: names that meet": Sample(
        "moodle",
        {
            "Ann E._3_assignsubmission_file_/hw.ipynb": WORK,
            "Ann E_2_assignsubmission_file_/hw.ipynb": WORK,
            "ann e_4_assignsubmission_file_/hw.ipynb": WORK,
            "Zoe Example_9_assignsubmission_file_/hw.ipynb": WORK,
        },
        {"Ann E._3", "Ann E_2", "ann e_4", "Zoe Example"},
    ),
    "blackboard: notes with and without files": Sample(
        "blackboard",
        {
            **_note("PS1", "alice", "Alice Example", file="hw.ipynb"),
            **_note("PS1", "bobby", "Bob Example"),
            **_note("PS1", "li_wei", "李伟", encoding="gb18030"),
            **_note("PS1", "mueller", "Jürgen Müller", encoding="cp1252"),
            **_note("PS1", "zoe_x", "Zoé", file="hw.ipynb", encoding="utf-16"),
        },
        {"alice", "zoe_x"},
        {"bobby", "li_wei", "mueller"},
    ),
    "blackboard: nobody attached anything": Sample("blackboard", _note("PS1", "bobby", "Bob"), set(), {"bobby"}),
    "blackboard: the last attempt has no file": Sample(
        "blackboard",
        {
            "HW 1_jdoe_attempt_2026-03-01-14-22-33_hw.ipynb": WORK,
            "HW 1_jdoe_attempt_2026-03-01-14-22-33.txt": "Name: Jane (jdoe)",
            "HW 1_jdoe_attempt_2026-03-02-14-22-33.txt": "Name: Jane (jdoe)",
            "HW 1_ann_attempt_2026-03-01-14-22-33_hw.ipynb": "1",
            "HW 1_ann_attempt_2026-03-02-14-22-33_hw.ipynb": WORK,
        },
        {"jdoe", "ann"},
    ),
    "blackboard: another language, the column from the zip's name": Sample(
        "blackboard",
        {"HW_1_jdoe_Versuch_2026-03-01-14-22-33_hw.ipynb": WORK},
        {"jdoe"},
        name="gradebook_2026-ML-A_HW_1_2026-03-05-10-00-00",
    ),
    "ilias": Sample(
        "ilias",
        {
            "ws26_ueb01/Abgaben/Beispiel_Anna_abeispiel_12345/hw.ipynb": WORK,
            "ws26_ueb01/Abgaben/Muster_Bernd_bmuster_12346/src/hw.ipynb": WORK,
            "ws26_ueb01/Abgaben/Muster_Bernd_bmuster_12346/data/x.csv": "1",
            "ws26_ueb01/Abgaben/Leer_Lena_lleer_12347/": "",
            "ws26_ueb01/ws26_ueb01.xlsx": "x",
        },
        {"Beispiel_Anna_abeispiel_12345", "Muster_Bernd_bmuster_12346"},
        {"Leer_Lena_lleer_12347"},
    ),
    "ilias: teams, for feedback": Sample(
        "ilias",
        {
            "multi_feedback_ueb01/Team 7/Beispiel_Anna_abeispiel_12345/hw.ipynb": WORK,
            "multi_feedback_ueb01/Team 8/Muster_Bernd_bmuster_12346/hw.ipynb": WORK,
        },
        {"Beispiel_Anna_abeispiel_12345", "Muster_Bernd_bmuster_12346"},
    ),
    "sakai": Sample(
        "sakai",
        {
            "HW1 (late)/Example, Alice(alice)/Submission attachment(s)/hw.ipynb": WORK,
            "HW1 (late)/Example, Alice(alice)/Feedback Attachment(s)/marked.ipynb": "x",
            "HW1 (late)/Example, Alice(alice)/timestamp.txt": "20260303110000000",
            "HW1 (late)/Example, Alice(alice)/comments.txt": "",
            "HW1 (late)/Example, Bob(bob)/Submission attachment(s)/hw.ipynb": WORK,
            "HW1 (late)/Example, Carl(carl)/Example, Carl(carl)_submissionText.html": "x",
            "HW1 (late)/Example, Dana(dana)/timestamp.txt": "",
            "HW1 (late)/Example, Dana(dana)/comments.txt": "",
            "HW1 (late)/grades.csv": '"HW1","Points"\n""\n"Display ID","ID","Last Name"\n"alice","alice","E"\n"eve","eve","E"\n',
        },
        {"alice", "bob"},
        {"carl", "dana", "eve"},
    ),
    "brightspace": Sample(
        "brightspace",
        {
            "index.html": "<html>",
            "101-7 - Jane Doe - Mar 3, 2026 1100 AM/hw.ipynb": "1",
            "101-7 - Jane Doe - Mar 10, 2026 100 PM/hw.ipynb": WORK,
            "102-7 - Jane Doe - Mar 3, 2026 1100 AM/hw.ipynb": WORK,
            "106-7 - Lea-Ann Poe- Mar 3, 2026 1100 AM/hw.ipynb": "1",
            "106-7 - Lea-Ann Poe- Mar 4, 2026 1100 AM/hw.ipynb": WORK,
            "103-7 - Bob - Smith - 3 März 2026 1100/hw.ipynb": WORK,
            "104-7 - Eve Example - Mar 3, 2026 1100 AM/report.pdf": "x",
            "105-7 - Kim Example - once in 2026/hw.ipynb": WORK,
            "105-7 - Kim Example - twice in 2026/hw.ipynb": WORK,
        },
        {"Jane Doe_101", "Jane Doe_102", "Bob - Smith", "Lea-Ann Poe"},
        {"Eve Example", "Kim Example"},
    ),
    "brightspace: without folders": Sample(
        "brightspace",
        {
            "7-101 - a1234 - Jane Doe - Mar 3, 2026 1100 AM - hw - final.ipynb": WORK,
            "7-102 - a1235 - Jane Doe - 2026年3月3日 1100 - hw.ipynb": WORK,
        },
        {"Jane Doe_101", "Jane Doe_102"},
    ),
    "gradescope": Sample(
        "gradescope",
        {
            "assignment_77_export/submission_metadata.yml": _METADATA,
            "assignment_77_export/submission_1/hw.ipynb": WORK,
            "assignment_77_export/submission_2/hw.ipynb": WORK,
            "assignment_77_export/submission_3/src/hw.ipynb": WORK,
        },
        {"Alice Example", "Bob_ Example, 张三", "submission_3"},
        {"Gone Example"},
    ),
    "google classroom": Sample(
        "google-classroom",
        {
            "HW1/Alice Example - hw - week 1.ipynb": WORK,
            "HW1/Bob - Example - hw - week 1.ipynb": WORK,
            "HW1/Carl Example - hw.gdoc": "{}",
        },
        {"Alice Example", "Bob - Example"},
        {"Carl Example"},
    ),
    "github classroom": Sample(
        "github-classroom",
        {
            "hw1-submissions/hw1-alice/hw.ipynb": WORK,
            "hw1-submissions/hw1-alice/.git/config": "x",
            "hw1-submissions/hw1-bob-2/src/hw.ipynb": WORK,
            "hw1-submissions/hw1-carl/README.md": "x",
        },
        {"alice", "bob-2"},
        {"carl"},
    ),
    "github classroom: named after the assignment": Sample(
        "github-classroom", {"tiny-alice-main/a.ipynb": WORK, "tiny-bob-master/b.py": WORK}, {"alice", "bob"}
    ),
    "folders": Sample(
        "plain",
        {"hw one/ann/hw.ipynb": WORK, "hw one/bob/hw.py": WORK, "hw one/carl/": "", "hw one/dana/.hw.ipynb": "x", "hw one/list.xlsx": "x"},
        {"ann", "bob"},
        {"carl", "dana"},
    ),
    "folders that meet": Sample(
        "plain",
        {"ann/a.py": WORK, "Ann/a.py": WORK, "b\u00e9/a.py": WORK, "be\u0301/a.py": WORK, "CON/a.py": WORK},
        {"Ann", "ann_2", "b\u00e9", "b\u00e9_2", "CON_"},
    ),
    "one file per student": Sample(
        "plain", {"ann.ipynb": WORK, "bob.py": WORK, "carl.pdf": "x", "grades.csv": "1", "README.html": "x"}, {"ann", "bob"}, {"carl"}
    ),
    "one student with a helper": Sample("plain", {"ann/hw.ipynb": WORK, "ann/helper.py": WORK}, {"ann"}),
}  # fmt: skip

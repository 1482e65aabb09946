"""What the event log says of each kind of event."""

from __future__ import annotations

from autograder.base.i18n import text

WORDS = {
    "joined": text("joined the course"),
    "added": text("added somebody"),
    "admitted again": text("admitted somebody again"),
    "gave a role": text("gave another role"),
    "removed": text("removed somebody"),
    "renamed": text("changed a name"),
    "became instructor": text("became an instructor"),
    "took in a roster": text("took in a class list"),
    "signed in": text("signed in"),
    "failed to sign in": text("sign-ins that failed"),
    "signed out elsewhere": text("signed out everywhere else"),
    "changed password": text("set a password"),
    "made a token": text("made a personal token"),
    "revoked a token": text("revoked a personal token"),
    "made a personal link": text("made a personal link"),
    "opened the join link": text("opened the join link"),
    "closed the join link": text("closed the join link"),
    "published": text("published, or changed dates and rules"),
    "extended": text("gave more time"),
    "took an extension back": text("took more time back"),
    "handed in": text("handed in"),
    "graded": text("was graded"),
    "restored": text("brought an attempt back"),
    "began a quiz": text("began a quiz"),
    "finished a quiz": text("finished a quiz"),
    "scored a quiz": text("was scored"),
    "appealed": text("appealed"),
    "accepted an appeal": text("accepted an appeal"),
    "declined an appeal": text("declined an appeal"),
    "explained a mistake": text("explained a mistake"),
    "changed an explanation": text("changed the explanation of a mistake"),
    "withdrew an explanation": text("withdrew the explanation of a mistake"),
    "looked as a student": text("looked at pages as a student sees them"),
}
"""By the kind as it is kept."""

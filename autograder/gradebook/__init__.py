"""nbgrader's gradebook, folders and commands around our engine; nbgrader itself is imported when something is done."""

import sys

# for addresses with letters of every language jsonschema would build 38 grammars, which is half of nbgrader's start;
# no notebook's schema asks for any
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

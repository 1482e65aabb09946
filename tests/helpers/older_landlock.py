"""A zygote that uses no more of Landlock than an older kernel has; started as `autograder.sandbox.zygote` is."""

import json
import sys
from pathlib import Path

from autograder.sandbox import landlock, zygote

sys.path.insert(0, str(Path(__file__).parent))  # a zygote finds the project's root alone
import without_landlock


def main(descriptor: int, settings: str) -> None:
    """Run a zygote; the settings give the version of Landlock, 0 for none, and whether to give up root."""
    options = json.loads(settings)
    version = options.pop("landlock")
    if options.pop("ordinary", False):
        without_landlock.become_ordinary()
    if version == 0:
        without_landlock.hide_landlock()
    else:
        landlock.version = lambda: version
    zygote.main(descriptor, json.dumps(options))

"""A zygote that uses no more of Landlock than an older kernel has; started as `autograder.sandbox.zygote` is."""

import json

from autograder.sandbox import landlock, zygote


def main(descriptor, settings):
    """Be a zygote; the settings say which version of Landlock there is."""
    options = json.loads(settings)
    version = options.pop("landlock")
    landlock.version = lambda: version
    zygote.main(descriptor, json.dumps(options))

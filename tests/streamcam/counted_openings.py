"""The real streamcam, with a line on stderr each time that it opens a model: `counted_openings.py
ARGUMENTS`."""

import sys
from importlib import import_module

from engines.families import family_names
from streamcam.cli import command


def count_openings(patch, tell):
    """Through `patch`, as pytest's `monkeypatch.setattr`; `tell` gets the name of the folder."""

    def counted(real):
        def open_model(spec, folder):
            tell(folder.name)
            return real(spec, folder)

        return open_model

    for name in family_names():
        family = import_module(f"engines.families.{name}")
        patch(family, "open_model", counted(family.open_model))


def main():
    count_openings(setattr, lambda name: print(f"opened: {name}", file=sys.stderr, flush=True))
    command()


if __name__ == "__main__":
    main()

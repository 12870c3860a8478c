"""`python -m streamcam` is the command `streamcam`."""

import sys

from streamcam.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m streamcam` is the command `streamcam`."""

from streamcam.cli import command

if __name__ == "__main__":
    command()

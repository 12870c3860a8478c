"""How the embedded model is made, from packages that any machine can install. Not in the wheel.

`python -m engines.nano.training --help` lists the commands; README.md beside this file tells what
each does and how long it takes.
"""

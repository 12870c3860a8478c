"""What can go wrong in the engine. Each message names the value or file and the fix.

EngineError
├── InvalidSpec         a field of EngineSpec or Params is out of range (bad input)
├── InvalidPrompt       a prompt the text encoder cannot take (bad input)
├── ModelUnavailable    a model folder lacks a file, or is of no known family (bad input)
├── BackendUnavailable  the backend or device is not on this machine (bad input)
├── PeerUnavailable     a program to compare with cannot be installed or run (bad input)
└── EngineFailed        a running engine broke; rebuilding may help
"""


class EngineError(Exception):
    """Base of all engine errors; the message is fit to be shown to the user."""


class InvalidSpec(EngineError, ValueError):
    """A field of EngineSpec or Params is out of range."""


class InvalidPrompt(EngineError, ValueError):
    """The text encoder cannot take this prompt."""


class ModelUnavailable(EngineError):
    """The model's files are missing, damaged or of no known family."""


class BackendUnavailable(EngineError):
    """The backend, or the device it was asked to use, is not available on this machine."""


class PeerUnavailable(EngineError):
    """A program to compare with cannot be installed, started or kept running."""


class EngineFailed(EngineError):
    """An engine that worked failed while running."""

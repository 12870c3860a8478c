"""Systems that are not here: what of macOS and Windows is asked about cameras."""

from collections import namedtuple


class Mac:
    """AVFoundation as pyobjc gives it. `answers` is what its user says to the question."""

    AVMediaTypeVideo = "vide"

    def __init__(self, status, answers=None):
        self.status, self.answers, self.questions = status, answers, 0
        self.AVCaptureDevice = self

    def authorizationStatusForMediaType_(self, media):
        assert media == self.AVMediaTypeVideo
        return self.status

    def requestAccessForMediaType_completionHandler_(self, media, handler):
        assert media == self.AVMediaTypeVideo
        self.questions += 1
        if self.answers is not None:
            self.status = 3 if self.answers else 2
            handler(self.answers)


class Registry:
    """winreg over a dict: {(hive, key): {name: value}}."""

    HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE = "user", "machine"

    def __init__(self, keys):
        self.keys = keys

    def OpenKey(self, hive, key):
        if (hive, key) not in self.keys:
            raise FileNotFoundError(2, "no such key")
        return Opened(self, hive, key)

    def QueryValueEx(self, opened, name):
        values = self.keys[opened.hive, opened.key]
        if name not in values:
            raise FileNotFoundError(2, "no such value")
        return values[name], 1

    def QueryInfoKey(self, opened):
        return (len(self.below(opened)), 0, 0)

    def EnumKey(self, opened, number):
        return self.below(opened)[number]

    def below(self, opened):
        begin = f"{opened.key}\\"
        names = [
            key[len(begin) :]
            for hive, key in self.keys
            if hive == opened.hive and key.startswith(begin)
        ]
        return [name for name in names if "\\" not in name]


class Opened(namedtuple("Opened", "registry hive key")):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Kernel:
    """kernel32 with shared memory of these names."""

    class Function:
        def __init__(self, call):
            self.call = call

        def __call__(self, *arguments):
            return self.call(*arguments)

    def __init__(self, names):
        self.open = 0
        self.OpenFileMappingW = self.Function(
            lambda _access, _inherit, name: self.opened(name in names)
        )
        self.CloseHandle = self.Function(lambda _handle: self.opened(-1))

    def opened(self, count):
        self.open += count
        return 77 if count > 0 else None

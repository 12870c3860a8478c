"""`streamcam devices`: what can be a source and where pictures can go."""

from __future__ import annotations

from streamcam.cli.terminal import Terminal


def devices() -> None:
    """List cameras, screens, virtual cameras, outputs and microphones."""
    from streamcam.pipeline.sources import outputs, sources
    from streamcam.sink.record.microphone import NoMicrophone, microphone_names
    from streamcam.sink.virtualcam.devices import how_to_get_one, list_devices

    found, missing = sources()
    rows = [(one.choice, one.what, one.where) for one in found]
    rows.append(("FILE or URL", "a video or a picture", ""))
    terminal = Terminal()
    terminal.table("Sources (streamcam --source SOURCE)", ("source", "what", "where"), rows)
    for kind, why in missing.items():
        terminal.say(f"{kind}: none; {why}")
    places = [(one.choice, one.what) for one in outputs()]
    terminal.table("Outputs (streamcam --output OUTPUT)", ("output", "what"), places)
    try:
        names = microphone_names()
    except NoMicrophone as why:
        terminal.say(f"microphone: none; {why}")
    else:
        heard = [(name, "the system's choice" if name == names[0] else "") for name in names]
        terminal.table("Microphones ([output] audio in a preset)", ("microphone", "what"), heard)
    if not list_devices():
        terminal.say(f"virtual camera: none; to get one: {how_to_get_one()}")

"""The thread "post" of a live run: the newest frame, in the look of the newest picture."""

from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread

import cv2
import numpy as np
import pytest

from streamcam.flow.infer.engine_input import EngineInput
from streamcam.flow.post import NewestFrames, PostWorker
from streamcam.flow.post.finish import Finish
from streamcam.flow.post.thinning import Thinning
from streamcam.frames import Channel, Frame, MadeOf, Ring, RingClosed
from streamcam.frames.geometry import View
from streamcam.resolve import Level
from streamcam.resolve.budget import Budget
from streamcam.stats import Stats

SIZE, ENGINE, PERIOD = (320, 192), (160, 96), 1 / 30
VIEW = View(SIZE)


def _scene(seed=1):
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.random((400, 700), np.float32), (0, 0), 3.0)
    grey = cv2.normalize(light, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _frame(number, step=3, seed=1, start=50.0):
    left = 20 + step * number
    pixels = np.ascontiguousarray(_scene(seed)[40 : 40 + SIZE[1], left : left + SIZE[0]])
    return Frame(pixels, number, start + number * PERIOD)


def inverted(pixels):
    return 255 - pixels


def _picture(frame, look=inverted, view=VIEW):
    given, placement = EngineInput(ENGINE, view)(frame.pixels)
    return Frame(
        look(given),
        frame.seq,
        frame.captured_at,
        placement=placement,
        made_of=MadeOf(given, look),
    )


def _finish(level=Level.GUIDED, view=VIEW, **settings):
    budget = None if level is None else Budget(level)
    return Finish(view, budget, **settings)


@pytest.mark.parametrize("level", [Level.WARPED, Level.GUIDED])
def test_the_newest_frame_is_shown_with_both_stamps(level):
    finish, picture, newest = _finish(level), _picture(_frame(0)), _frame(3)
    made = finish.current(picture, newest)
    assert (made.seq, made.captured_at) == (3, newest.captured_at)
    assert made.styled_at == picture.captured_at
    assert (made.placement, made.made_of, made.repeat) == (None, None, False)
    ideal = (255 - newest.pixels)[20:-20, 20:-20].astype(int)
    late = finish.plain(picture).pixels[20:-20, 20:-20]
    assert np.abs(made.pixels[20:-20, 20:-20] - ideal).mean() < 0.5 * np.abs(late - ideal).mean()


def test_a_still_scene_is_shown_again_and_costs_nothing():
    finish, picture = _finish(), _picture(_frame(0, step=0))
    first = finish.current(picture, _frame(1, step=0))
    again = finish.current(picture, _frame(2, step=0))
    assert again.repeat
    assert again.pixels is first.pixels
    assert again.captured_at > first.captured_at
    other = _picture(_frame(3, step=0), look=lambda pixels: pixels // 2)
    assert not finish.current(other, _frame(4, step=0)).repeat


def _old(age):
    return _frame(0), _frame(0, start=50.0 + age)


@pytest.mark.parametrize("age", [1.01, 3.0, 1e6, -0.1])
def test_a_pair_that_is_too_old_is_shown_as_it_is_and_then_stays(age):
    styled, newest = _old(age)
    finish, picture = _finish(), _picture(styled)
    held = finish.current(picture, newest)
    assert held.captured_at == picture.captured_at
    assert finish.current(picture, newest) is None


def test_another_scene_waits_for_its_own_picture():
    finish, picture = _finish(), _picture(_frame(0))
    assert finish.current(picture, _frame(1)).seq == 1
    after = _frame(2, seed=7)
    assert finish.current(picture, after) is None
    assert finish.current(_picture(after), after).seq == 2


def test_after_a_cut_time_does_not_run_backwards():
    finish = _finish()
    assert finish.current(_picture(_frame(0)), _frame(3)).seq == 3
    late, cut = _picture(_frame(2)), _frame(4, seed=7)
    shown = _frame(3).captured_at
    assert finish.current(late, cut, shown) is None, "frame 2 is older than what is shown"
    assert finish.current(_picture(_frame(3)), cut).seq == 3
    assert finish.current(_picture(cut), cut).seq == 4


def test_a_source_that_changes_its_size_waits_for_its_own_picture():
    finish, picture = _finish(), _picture(_frame(0))
    other = Frame(np.ascontiguousarray(_frame(1).pixels[:, :200]), 1, 50.0 + PERIOD)
    assert finish.current(picture, other).seq == 0, "the picture as it is"
    assert finish.current(picture, other) is None
    assert finish.current(_picture(other), other).seq == 1


def test_pictures_of_another_engine_size_are_taken():
    finish = _finish()
    for engine in ((160, 96), (224, 128), (128, 128)):
        frame = _frame(1)
        given, placement = EngineInput(engine, VIEW)(frame.pixels)
        picture = Frame(255 - given, 1, frame.captured_at, placement=placement)
        picture = Frame(
            255 - given,
            1,
            frame.captured_at,
            placement=placement,
            made_of=MadeOf(given, "look"),
        )
        made = finish.current(picture, frame)
        assert made.size == SIZE
        assert np.abs(made.pixels.astype(int) - (255 - frame.pixels)).mean() < 8


def test_letterbox_has_black_bars_every_time():
    view = View((320, 320), "letterbox")
    finish = _finish(view=view)
    for number in range(1, 5):
        made = finish.current(_picture(_frame(number - 1), view=view), _frame(number))
        assert (made.pixels[:64] == 0).all()
        assert (made.pixels[-64:] == 0).all()
        assert made.pixels[64:-64].mean() > 20


def test_a_camera_frame_that_is_passed_through_is_shown_as_it_is():
    finish, frame = _finish(), _frame(0)
    made = finish.current(frame, _frame(1))
    assert (made.pixels == frame.pixels).all()


@dataclass
class Post:
    """A worker on a thread, with its ends."""

    finish: Finish
    watched: bool = True
    camera: Ring = field(default_factory=Ring)
    pictures: Ring = field(default_factory=Ring)
    out: Channel = field(default_factory=lambda: Channel(100))
    stats: Stats = field(default_factory=Stats)
    ended: list = field(default_factory=list)

    def __post_init__(self):
        camera = NewestFrames(self.camera, 30.0, lambda: self.watched)
        self.worker = PostWorker(self.pictures, [self.out], self.finish, self.stats, camera)
        self.thread = Thread(target=self._work)
        self.thread.start()

    def _work(self):
        try:
            self.worker.work()
        except RingClosed as error:
            self.ended.append(error)

    def end(self):
        self.camera.close()
        self.pictures.close()
        self.thread.join(10)
        assert self.ended


@pytest.fixture
def post():
    made = []

    def start(finish, **settings):
        made.append(Post(finish, **settings))
        return made[-1]

    yield start
    for one in made:
        one.end()


def test_every_frame_of_the_camera_is_shown_with_one_picture(post):
    running = post(_finish())
    running.pictures.put(_picture(_frame(0)))
    for number in range(1, 6):
        running.camera.put(_frame(number))
        shown = running.out.get(10)
        assert (shown.seq, shown.styled_at) == (number, 50.0)
    assert running.stats.snapshot().resolve == "guided"


def test_before_the_first_picture_nothing_is_shown_and_without_frames_the_picture_is(post):
    running = post(_finish())
    running.camera.put(_frame(0))
    running.pictures.put(_picture(_frame(0)))
    assert running.out.get(10).seq == 0


def test_a_picture_is_shown_though_the_camera_gives_nothing_more(post):
    running = post(_finish())
    running.pictures.put(_picture(_frame(0)))
    running.camera.put(_frame(1))
    assert running.out.get(10).seq == 1
    other = _picture(_frame(1), look=lambda pixels: pixels // 2)
    running.pictures.put(other)
    shown = running.out.get(10)
    assert (shown.seq, shown.styled_at) == (1, other.captured_at)


def test_a_card_stays_while_the_engine_is_silent(post):
    running = post(_finish())
    running.pictures.put(_picture(_frame(0)))
    running.camera.put(_frame(1))
    running.out.get(10)
    card = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), 0, 60.0, repeat=True)
    running.worker.show(card)
    assert running.out.get(10) is card
    before = running.worker.shown_at
    for number in range(60, 65):
        running.camera.put(_frame(number, step=0))
    running.camera.put(_frame(70, step=0))
    assert running.out.get(0.3) is None
    assert running.worker.shown_at == before, "the watchdog must see that no picture comes"
    running.pictures.put(_picture(_frame(71, step=0)))
    running.camera.put(_frame(72, step=0))
    assert running.out.get(10).seq >= 71


@pytest.mark.parametrize("level", [None, Level.HELD])
def test_held_pictures_are_shown_when_they_come(post, level):
    running = post(_finish(level))
    running.camera.put(_frame(5))
    running.pictures.put(_picture(_frame(0)))
    assert running.out.get(10).seq == 0
    wanted = "off" if level is None else "held"
    assert running.stats.snapshot().resolve == wanted


def _falls(running):
    running.finish.budget.level = running.finish.budget.fits = Level.HELD


def _is_switched_off(running):
    running.worker.swap(_finish(None))


def _has_no_viewer(running):
    running.watched = False


def _is_over(running):
    running.camera.close()


@pytest.mark.parametrize("ends", [_falls, _is_switched_off, _has_no_viewer, _is_over])
def test_pictures_that_are_behind_what_was_shown_are_passed_over(post, ends):
    """Time never runs backwards: a recording of such a moment jumped back by the engine's delay."""
    running = post(_finish())
    running.pictures.put(_picture(_frame(0)))
    running.camera.put(_frame(3))
    assert running.out.get(10).seq == 3
    ends(running)
    with suppress(RingClosed):
        running.camera.put(_frame(4))  # wakes the thread, which may show this one still
    last = running.out.get(0.3) or _frame(3)
    for number in range(1, 9):
        running.pictures.put(_picture(_frame(number)))
        shown = running.out.get(0.3)
        assert (shown is not None) == (number >= last.seq), number
    running.pictures.put(_picture(_frame(9)))
    assert running.out.get(10).seq == 9


def test_nobody_watches_and_nothing_is_resolved(post):
    running = post(_finish(), watched=False)
    running.camera.put(_frame(5))
    running.pictures.put(_picture(_frame(0)))
    assert running.out.get(10).styled_at is None
    running.watched = True
    running.pictures.put(_picture(_frame(6)))
    running.camera.put(_frame(8))
    assert running.out.get(10) is not None


def test_a_source_that_is_over_still_brings_its_last_pictures(post):
    running = post(_finish())
    running.camera.close()
    running.pictures.put(_picture(_frame(3)))
    assert running.out.get(10).seq == 3


def test_another_preset_takes_effect(post):
    running = post(_finish(None))
    running.pictures.put(_picture(_frame(0)))
    assert running.out.get(10).styled_at is None
    running.worker.swap(_finish(Level.GUIDED))
    running.pictures.put(_picture(_frame(1)))
    running.out.get(10)
    for number in range(2, 9):
        running.camera.put(_frame(number))
        if running.out.get(0.2) is not None and running.worker is not None:
            break
    assert running.stats.snapshot().resolve == "guided"


@pytest.mark.parametrize(
    ("camera", "output", "shown"),
    [(30, 30, 30), (60, 30, 30), (50, 30, 30), (60, 60, 60), (15, 30, 15), (29.97, 30, 30)],
)
def test_as_many_frames_as_the_outputs_show(camera, output, shown):
    thinning, rng = Thinning(output), np.random.default_rng(3)
    jitter = rng.uniform(-0.1, 0.1, 10 * camera if isinstance(camera, int) else 300) / camera
    wanted = sum(thinning.wants(5.0 + n / camera + off) for n, off in enumerate(jitter))
    assert wanted / 10 == pytest.approx(shown, rel=0.04)

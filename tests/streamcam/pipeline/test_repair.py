"""Repair: in which order engines are tried, what is kept of it, and what is said."""

from dataclasses import replace

import pytest

from engines import outages, remedies
from engines.api import EngineSpec
from engines.backends.tensorrt.card import Card
from engines.errors import EngineFailed
from streamcam.notices import NoticeBoard
from streamcam.provision.repair import Repair
from streamcam.provision.size import default_size

WANTED = EngineSpec(width=640, height=352)
TORCH = replace(WANTED, backend="torch", device="cuda:0", precision="float16", execution="graph")


class Bench:
    """A repair after an engine that ran, with a clock that is set."""

    def __init__(self, wanted=WANTED, ran=TORCH):
        self.now, self.notices = 0.0, NoticeBoard()
        self.repair = Repair(self.notices, (wanted, ran), lambda: self.now)

    def fails(self, cause="", *, gone=False, automatic=False):
        """What is built then: backend, execution, precision and width."""
        self.repair.broke(EngineFailed("no", cause=cause), other=False)
        spec = self.repair.following(gone=gone, automatic=automatic)
        return spec and (spec.backend, spec.execution, spec.precision, spec.width)

    def all(self, cause="", **how):
        """All that is built, one after another, since none works."""
        return list(iter(lambda: self.fails(cause, **how), None))

    @property
    def notice(self):
        return self.notices.for_users()


@pytest.fixture(autouse=True)
def card(monkeypatch):
    monkeypatch.setattr(remedies, "find_card", lambda device: Card("a card", (8, 9)))
    yield
    outages.forget()


SAME, EAGER = ("auto", "auto", "auto", 640), ("torch", "eager", "auto", 640)
CPU, SMALLER_CPU = ("openvino", "auto", "auto", 640), ("openvino", "auto", "auto", 576)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("", [SAME, EAGER, CPU, SMALLER_CPU]),
        ("device", [SAME, EAGER, CPU, SMALLER_CPU]),
        ("hang", [EAGER, CPU, SMALLER_CPU]),
        ("capture", [EAGER, CPU, SMALLER_CPU]),
        ("memory", [SAME, EAGER, ("torch", "eager", "auto", 576), CPU]),
        ("blank", [("torch", "auto", "bfloat16", 640), ("torch", "auto", "float32", 640), CPU,
                   SMALLER_CPU]),
    ],
)  # fmt: skip
def test_a_device_that_answers_is_asked_for_the_same_size_first(cause, expected):
    bench = Bench()
    assert bench.all(cause) == expected
    assert bench.repair.broken
    assert bench.notices.for_viewers() == "The picture engine has stopped"
    assert "No other one is tried until a preset is saved or chosen." in bench.notice
    assert bench.all(cause) == expected, "which begins anew"


@pytest.mark.parametrize("cause", ["", "memory", "hang", "device"])
def test_a_device_that_is_gone_is_never_asked_for_a_smaller_size(cause):
    assert Bench().all(cause, gone=True) == [CPU, SMALLER_CPU]


def test_a_device_that_goes_while_it_is_mended_is_left_at_once():
    bench = Bench()
    assert bench.fails() == SAME
    assert bench.all("device", gone=True) == [CPU, SMALLER_CPU]


def test_an_automatic_size_was_for_a_faster_device_than_the_processor():
    width = default_size(640 / 352)[0]
    assert Bench().fails(gone=True, automatic=True) == ("openvino", "auto", "auto", width)
    small = replace(WANTED, width=320, height=176)
    bench = Bench(small, replace(TORCH, width=320, height=176))
    assert bench.fails(gone=True, automatic=True) == ("openvino", "auto", "auto", 320)


def test_on_the_processor_there_is_the_same_and_a_smaller_one():
    ran = replace(WANTED, backend="openvino", device="CPU", precision="float32")
    assert Bench(ran=ran).all() == [SAME, ("auto", "auto", "auto", 576)]
    ran = replace(WANTED, backend="openvino", device="GPU", precision="float16")
    assert Bench(ran=ran).all() == [SAME, CPU, SMALLER_CPU]
    ran = replace(WANTED, backend="torch", device="cpu", precision="float32", execution="eager")
    assert Bench(ran=ran).all() == [SAME, CPU, SMALLER_CPU]


@pytest.mark.parametrize(
    ("backend", "first"),
    [("auto", [SAME, EAGER]), ("tensorrt", [("torch", "auto", "auto", 640), EAGER])],
)
def test_a_tensorrt_engine_that_failed_is_not_taken_again(backend, first):
    wanted = replace(WANTED, backend=backend)
    bench = Bench(wanted, replace(TORCH, backend="tensorrt"))
    assert bench.all() == [*first, CPU, SMALLER_CPU]
    assert outages.broken_plan(wanted) == "no"


def test_a_failure_soon_after_goes_on_where_it_was_and_a_late_one_begins_anew():
    bench = Bench()
    assert bench.fails() == SAME
    bench.repair.running(bench.repair._tried, TORCH)
    bench.now = 299.0
    assert bench.fails() == EAGER
    eager = bench.repair._tried
    bench.repair.running(eager, replace(TORCH, execution="eager"))
    bench.now += 300.0
    assert bench.fails() == EAGER, "the same once more"
    assert bench.fails() == CPU


def test_another_preset_that_runs_ends_the_row():
    bench = Bench()
    assert bench.fails() == SAME
    other = replace(WANTED, model="other")
    bench.repair.running(other, replace(TORCH, model="other"))
    assert bench.fails() == SAME
    assert bench.repair._tried == other


def test_what_works_is_kept_for_later_presets_of_the_model():
    bench = Bench()
    bench.fails("hang")
    assert bench.repair.instead(WANTED) == WANTED, "it has not run yet"
    eager = bench.repair._tried
    bench.repair.running(eager, replace(TORCH, execution="eager"))
    assert not bench.repair.broken
    assert bench.notice == bench.notices.for_viewers() == ""
    assert bench.repair.instead(WANTED) == eager
    longer = replace(WANTED, steps=4, width=320, height=176)
    assert bench.repair.instead(longer) == replace(longer, backend="torch", execution="eager")
    for other in (replace(WANTED, model="other"), replace(WANTED, precision="float32")):
        assert bench.repair.instead(other) == other
    assert bench.fails() == CPU
    cpu = bench.repair._tried
    bench.repair.running(cpu, replace(cpu, precision="float32"))
    assert bench.repair.instead(WANTED) == cpu, "by way of what worked before"
    bench.all()
    assert bench.repair.instead(WANTED) == WANTED, "all is tried again"


def test_the_notice_says_what_is_another_than_was_wanted():
    bench = Bench()
    bench.fails()
    assert bench.notice == "the engine failed: no. It is built again, 640x352."
    bench.fails()
    assert bench.notice.endswith("It is built again, 640x352, backend torch, execution eager.")
    bench.repair.broke(EngineFailed("no more."), other=True)
    assert bench.notice == "the engine failed: no more. Another one is being built."


def test_a_compiled_engine_that_broke_is_not_compiled_again():
    bench = Bench(ran=replace(TORCH, execution="compile"))
    assert bench.fails() == SAME
    assert outages.broken_compile() == "no"
    assert bench.all() == [("torch", "graph", "auto", 640), EAGER, CPU, SMALLER_CPU]


def test_openvino_compiles_always_and_that_is_not_torchs():
    bench = Bench(ran=replace(TORCH, backend="openvino", device="CPU", execution="compile"))
    bench.fails()
    assert outages.broken_compile() == ""

"""Course: the parameters on their way to a look, each by itself."""

from __future__ import annotations

from engines import ranges
from engines.api import Embedding, Params
from engines.prompts import crossfade
from streamcam.clock.tempo import Tempo
from streamcam.looks.aim import Aim, Mixture
from streamcam.looks.line import Line
from streamcam.looks.noise import SeedMix, mix_of, strongest, way, weights
from streamcam.looks.wave import Waves

# The numbers, and how far each may go in the seconds of a slew: as far as it is played, which for
# guidance is not as far as it can be set.
SWINGS = {"strength": 1.0, "guidance": 4.0, "delta": 2.0, "variation": 1.0}
_SHARE_SWING = _LORA_SWING = 1.0
_LEAST_STRENGTH = 0.01  # that a wave leads to; 0 is none
_LONGEST = 0.1  # seconds between two frames that count, after a pause


class Course:
    """Moves from what is shown to an `Aim`. Used by the reader alone.

    Embeddings move on the sphere, numbers in a straight line, and noise turns from one mix of seeds
    to the other. `t_index`, which has nothing in between, changes at once. Once all are there, `at`
    gives the aim's own parameters, the identical object each time.
    """

    def __init__(self, aim: Aim) -> None:
        look = aim.look
        self._aim = aim
        self._shown = aim.params
        self._seen: float | None = None  # when that was
        self._numbers = {name: Line(getattr(look, name)) for name in SWINGS}
        self._shares = [Line(share) for share in aim.prompt.shares]
        self._loras = [Line(weight) for weight in look.lora_weights]
        # Each from what was shown to what is aimed at, with the share of the way:
        self._from: tuple[Embedding, Embedding, SeedMix] = self._now()
        self._prompt, self._negative, self._noise = (Line(1.0) for _ in range(3))

    def cross_over(self, aim: Aim, now: float) -> None:
        """To another look, from `now` on, in the time that it wants."""
        self._begin(aim, now, aim.look.crossfade)
        for name, line in self._numbers.items():
            line.go(getattr(aim.look, name), now, aim.look.crossfade)
        for line, weight in zip(self._loras, aim.look.lora_weights, strict=True):
            line.go(weight, now, aim.look.crossfade)
        self._mix_anew(aim.prompt)

    def follow(self, aim: Aim, now: float, slew: float) -> None:
        """To what somebody has changed of the look that is on: a number that jumps gets there at a
        pace of its swing in `slew` seconds, words and seeds cross over. What stayed the same goes
        on as it is."""
        before, self._aim = self._aim, aim
        began = now if self._seen is None else max(self._seen, now - _LONGEST)
        seconds, last = aim.look.crossfade, self._now()
        for name, swing in SWINGS.items():
            _lead(self._numbers[name], getattr(aim.look, name), began, slew / swing)
        for line, weight in zip(self._loras, aim.look.lora_weights, strict=True):
            _lead(line, weight, began, slew / _LORA_SWING)
        prompt, negative, noise = self._from
        if aim.prompt.texts == before.prompt.texts:
            for line, share in zip(self._shares, aim.prompt.shares, strict=True):
                _lead(line, share, began, slew / _SHARE_SWING)
            if _reads_words_anew(aim, before):
                prompt = last[0]
                _start(self._prompt, began, slew)
        else:
            prompt = last[0]
            _start(self._prompt, began, seconds)
            self._mix_anew(aim.prompt)
        if aim.params.negative is not before.params.negative:
            negative = last[1]
            _start(self._negative, began, seconds)
        if _seeds(aim) != _seeds(before):
            noise = last[2]
            _start(self._noise, began, seconds)
        self._from = prompt, negative, noise

    def at(self, now: float, waves: Waves, tempo: Tempo) -> Params:
        """The parameters at `now`, swung by `waves`."""
        self._seen = now
        if waves.still and self._settled:  # most frames
            self._shown = self._aim.params
            return self._shown
        centres = {name: line.at(now) for name, line in self._numbers.items()}
        offsets = {name: waves.offset(name, now, tempo) for name in centres}
        shares = self._shares_at(now, waves, tempo)
        loras = self._loras_at(now, waves, tempo)
        prompt, negative, noise = (
            line.at(now) for line in (self._prompt, self._negative, self._noise)
        )
        params = self._aim.params
        plain = shares is None and loras == params.loras and not any(offsets.values())
        if self._settled and plain:
            self._shown = params
            return params
        values = {name: centre + offsets[name] for name, centre in centres.items()}
        mix = mix_of(self._aim.look, min(max(values["variation"], 0.0), 1.0))
        mix = way(self._from[2], mix, noise)
        mixed = weights(mix)
        end = self._aim.prompt.whole if shares is None else self._aim.prompt.blended(shares)
        self._shown = Params(
            prompt=_arc(self._from[0], end, prompt),
            negative=_arc(self._from[1], params.negative, negative),
            strength=min(max(values["strength"], _LEAST_STRENGTH), ranges.STRENGTH.most),
            guidance_scale=_within(values["guidance"], ranges.GUIDANCE),
            delta=_within(values["delta"], ranges.DELTA),
            seed=params.seed if mixed else strongest(mix),
            seed_mix=mixed,
            loras=loras,
            t_index=params.t_index,
        )
        return self._shown

    @property
    def _settled(self) -> bool:
        arcs = self._prompt.settled and self._negative.settled and self._noise.settled
        return (
            arcs
            and all(line.settled for line in self._numbers.values())
            and all(line.settled for line in (*self._shares, *self._loras))
        )

    def _begin(self, aim: Aim, now: float, seconds: float) -> None:
        self._from, self._aim = self._now(), aim
        for line in (self._prompt, self._negative, self._noise):
            _start(line, now, seconds)

    def _now(self) -> tuple[Embedding, Embedding, SeedMix]:
        shown = self._shown
        return shown.prompt, shown.negative, dict(shown.seed_mix or ((shown.seed, 1.0),))

    def _mix_anew(self, prompt: Mixture) -> None:
        self._shares = [Line(share) for share in prompt.shares]

    def _shares_at(self, now: float, waves: Waves, tempo: Tempo) -> list[float] | None:
        """Of the prompt's parts; None where they are those that the text gives them."""
        if len(self._shares) == 1:
            return None
        centres = [line.at(now) for line in self._shares]
        offsets = [waves.offset(f"blend.{n}", now, tempo) for n in range(1, len(centres) + 1)]
        if not any(offsets) and tuple(centres) == self._aim.prompt.shares:
            return None
        return [max(centre + o, 0.0) for centre, o in zip(centres, offsets, strict=True)]

    def _loras_at(self, now: float, waves: Waves, tempo: Tempo) -> tuple[float, ...]:
        """The weight of each live LoRA."""
        return tuple(
            _within(line.at(now) + waves.offset(f"loras.{number}", now, tempo), ranges.LORA)
            for number, line in enumerate(self._loras, 1)
        )


def _reads_words_anew(aim: Aim, before: Aim) -> bool:
    """Live LoRAs change the text encoder, and have other weights."""
    pairs = zip(aim.prompt.parts, before.prompt.parts, strict=True)
    return aim.look.loras != before.look.loras and any(one is not other for one, other in pairs)


def _start(line: Line, began: float, seconds: float) -> None:
    line.value = 0.0
    line.go(1.0, began, seconds)


def _lead(line: Line, end: float, began: float, pace: float) -> None:
    """`pace`: seconds for a way of 1."""
    if line.end != end:
        line.go(end, began, abs(end - line.value) * pace)


def _within(value: float, allowed: ranges.Range) -> float:
    return min(max(value, allowed.least), allowed.most)


def _seeds(aim: Aim) -> tuple[int, int]:
    return aim.look.seed, aim.look.variation_seed


def _arc(start: Embedding, end: Embedding, share: float) -> Embedding:
    """Equal ends stay one object: `Engine.encode` gives the same one for the same prompt."""
    return end if start is end or share >= 1.0 else crossfade(start, end, share)

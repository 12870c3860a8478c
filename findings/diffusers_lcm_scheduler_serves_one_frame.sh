#!/usr/bin/env bash
# diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.3.5.
#
# A stream sets the timesteps once and then, for each frame, runs `for t in scheduler.timesteps`. The step is given t, so
# the scheduler is expected to know where it is; DDIM does. LCMScheduler and TCDScheduler look the timestep up at the
# first call only and count from then on. From the second frame on they take the signal level of t,
# but the level to go to from the end of their list, and say nothing. LCM even at ONE step: whether the result is final is
# asked of the count, so that the second frame and all later ones come back with noise added to them. The
# first frame, and a test with one frame, are right. Euler raises an IndexError instead.
# Cure: set_timesteps before every frame.
#
# Seen: one frame's input given three times; LCM differs from the second on at 1, 2 and 4 steps, TCD at 2 and 4; both
# are equal with set_timesteps for each frame; DDIM is equal anyhow.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile diffusers==0.42.1 torch==2.13.0 numpy==2.3.5
HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LCMScheduler, TCDScheduler

torch.manual_seed(0)
latent, predicted = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
training = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def frames(kind, steps, anew):
    scheduler, found = kind(**training), []
    scheduler.set_timesteps(steps)
    for _ in range(3):
        if anew:
            scheduler.set_timesteps(steps)
        picture, noise = latent, torch.Generator().manual_seed(1)
        try:
            for timestep in scheduler.timesteps:
                picture = scheduler.step(predicted, timestep, scheduler.scale_model_input(picture, timestep), generator=noise).prev_sample
        except IndexError as error:
            return f"IndexError: {error}"
        found.append(picture)
    return "equal" if all(torch.equal(found[0], one) for one in found) else "other from the second on"


found = {}
for kind in (LCMScheduler, TCDScheduler, DDIMScheduler, EulerDiscreteScheduler):
    for steps in (1, 2, 4):
        once, anew = frames(kind, steps, False), frames(kind, steps, True)
        found[kind, steps] = once
        print(f"{kind.__name__:22} {steps} steps: timesteps set once: {once}; for each frame: {anew}")
        assert anew == "equal"
wrong = {case for case, outcome in found.items() if outcome.startswith("other")}
assert wrong == {(LCMScheduler, 1), (LCMScheduler, 2), (LCMScheduler, 4), (TCDScheduler, 2), (TCDScheduler, 4)}
assert all(found[EulerDiscreteScheduler, steps].startswith("IndexError") for steps in (1, 2, 4))
assert all(found[DDIMScheduler, steps] == "equal" for steps in (1, 2, 4))
PYTHON

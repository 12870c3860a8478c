"""Restyle one picture with the engine alone: python restyle_picture.py IN OUT "PROMPT"."""

import sys

import cv2

from engines.api import EngineSpec, Params
from engines.build import build


def main(source: str, result: str, prompt: str) -> None:
    picture = cv2.cvtColor(cv2.imread(source), cv2.COLOR_BGR2RGB)
    engine = build(EngineSpec(width=448, height=256))  # the embedded model, on this CPU
    try:
        look = Params(prompt=engine.encode(prompt), negative=engine.encode(""), strength=0.9)
        restyled = engine.run(cv2.resize(picture, (448, 256)), look)  # uint8 RGB in, and out
    finally:
        engine.close()
    cv2.imwrite(result, cv2.cvtColor(restyled, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main(*sys.argv[1:])

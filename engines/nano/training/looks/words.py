"""What people call the looks and tones, and prompts as they write them."""

from __future__ import annotations

from random import Random

LOOKS: dict[str, list[str]] = {
    "photo": [
        "photo", "photograph", "realistic", "natural", "raw photo", "webcam", "photorealistic",
        "real life", "unstyled", "original",
    ],
    "anime": [
        "anime", "anime style", "cel shading", "cel shaded", "japanese animation", "cartoon",
        "cartoon style", "2d animation", "animated film", "manga style", "clean line art",
        "clean lines", "clean lineart", "line art", "studio anime",
    ],
    "sketch": [
        "pencil sketch", "sketch", "pencil drawing", "graphite drawing", "hand drawn",
        "drawing on paper", "sketchbook", "hatching", "charcoal drawing", "graphite", "pencil",
        "ink sketch",
    ],
    "watercolor": [
        "watercolor", "watercolour", "watercolor painting", "aquarelle", "soft washes",
        "wet paper", "gouache", "storybook illustration", "children's book",
        "watercolor illustration", "delicate watercolor",
    ],
    "oil": [
        "oil painting", "oil on canvas", "impasto", "thick brush strokes",
        "impressionist painting", "renaissance painting", "old master", "painterly",
        "acrylic painting", "canvas", "brush strokes", "impressionist",
    ],
    "comic": [
        "comic book", "comic", "comic book style", "pop art", "bold lines", "graphic novel",
        "superhero comic", "comic panel", "halftone dots", "flat colors", "bold outlines",
        "ink outlines", "comic strip",
    ],
    "neon": [
        "neon", "cyberpunk", "neon lights", "glowing edges", "neon glow", "synthwave",
        "neon city", "glowing lines", "hologram", "sci-fi", "vaporwave", "futuristic",
        "vaporwave style", "tron",
    ],
    "brush": [
        "ink wash", "ink painting", "sumi-e", "brush and ink", "chinese painting", "calligraphy",
        "ink on rice paper", "japanese ink", "ink drawing",
    ],
    "blueprint": [
        "blueprint", "technical drawing", "white lines on blue", "construction plan",
        "cyanotype", "schematic", "engineering drawing", "architectural plan",
    ],
    "chalk": [
        "chalk", "chalk drawing", "blackboard", "chalkboard", "colored chalk", "school board",
        "chalkboard drawing",
    ],
    "engraving": [
        "engraving", "etching", "copperplate", "woodcut", "banknote", "old book illustration",
        "line engraving", "crosshatching", "engraved portrait", "old engraving",
    ],
    "thermal": [
        "thermal", "heat camera", "thermal camera", "infrared camera", "heat map", "heat vision",
        "predator vision", "infrared",
    ],
}  # fmt: skip

TONES: dict[str, list[str]] = {
    "mono": [
        "black and white", "monochrome", "grayscale", "film noir", "noir", "no color",
        "black and white photograph",
    ],
    "sepia": [
        "sepia", "vintage", "old photo", "retro", "antique", "faded brown", "antique photo",
        "1970s", "kodachrome",
    ],
    "warm": [
        "warm colors", "golden hour", "sunset", "warm light", "autumn colors", "orange light",
        "warm tones", "orange",
    ],
    "cool": [
        "cool colors", "cold colors", "icy", "winter", "blue tones", "moonlight", "frozen",
        "cool tones", "blue light",
    ],
    "dark": ["dark", "night", "moody", "low key", "gloomy", "dim light", "hard light", "horror"],
    "pastel": [
        "pastel colors", "pastel", "soft colors", "dreamy", "pale colors", "airy", "soft focus",
    ],
    "vivid": [
        "vibrant colors", "vivid", "saturated", "colorful", "high contrast", "bright colors",
        "vivid colors", "neon colors",
    ],
    "green": ["green", "green tint", "matrix", "emerald", "toxic green", "night vision"],
    "red": ["red", "crimson", "red light", "red tint", "blood red", "sanguine", "darkroom"],
    "purple": ["purple", "magenta", "violet", "lavender", "purple light"],
}  # fmt: skip

# Said of any picture, whatever the look: they change nothing.
_EMPTY = [
    "masterpiece", "best quality", "highly detailed", "4k", "portrait of a person", "a man",
    "a woman", "portrait", "talking person", "in a room", "sitting at a desk", "sharp focus",
    "beautiful", "intricate", "close up", "face", "streamer", "person", "cinematic",
    "award winning", "a street", "landscape", "a cat", "game", "desktop screen", "text", "window",
    "rain", "1940s", "detective movie", "cherry blossoms", "flowers", "chrome", "studio lighting",
]  # fmt: skip
_FRAMES = [
    "a {} of a person", "{} portrait", "in the style of {}", "make it look like {}", "{} version",
    "{} art", "a person in {} style", "turn me into {}",
]  # fmt: skip


def prompt(looks: list[str], tones: list[str], random: Random) -> str:
    """A prompt for one or two looks and any tones, as a user might write it."""
    parts = []
    for look in looks:
        said = random.sample(LOOKS[look], min(random.choices((1, 2, 3), (5, 3, 2))[0], 3))
        if len(looks) == 1 and random.random() < 0.15:
            said = [random.choice(_FRAMES).format(said[0])]
        if not (looks == ["photo"] and random.random() < 0.5):
            parts.append(", ".join(said))
    for tone in tones:
        parts.append(", ".join(random.sample(TONES[tone], random.choice((1, 1, 1, 2)))))
    parts += random.sample(_EMPTY, random.choices((0, 1, 2, 3), (4, 3, 2, 1))[0])
    if random.random() < 0.15:
        parts.append(_unheard(random))
    if random.random() < 0.5:
        random.shuffle(parts)
    return (", " if random.random() < 0.85 else " ").join(parts)


def vocabulary() -> list[str]:
    """Everything that a prompt may be made of: what a tokenizer has to know well."""
    said = [words for table in (LOOKS, TONES) for some in table.values() for words in some]
    return [*said, *_EMPTY, *(frame.format("") for frame in _FRAMES)]


def _unheard(random: Random) -> str:
    """A word that the model was not taught. It is to change nothing."""
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(3, 9)))

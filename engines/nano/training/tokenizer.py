"""The tokenizer: byte pairs of what people say of pictures, in CLIP's form. Deterministic."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import RobertaProcessing

from engines.nano.training.looks.words import LOOKS, TONES, prompt, vocabulary

TOKENS = 77  # that the text encoder reads at once
START, END = "<|startoftext|>", "<|endoftext|>"
_SIZE = 2048
_WORD = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
_LAST, _PRIVATE = "</w>", 0xE000
_PROMPTS = 6000  # to learn pairs from


def make(file: Path, seed: int) -> Tokenizer:
    """Write `file` (tokenizer.json) and return the tokenizer."""
    random = Random(seed)
    corpus = [*vocabulary() * 20]
    for _ in range(_PROMPTS):
        tones = [random.choice(list(TONES))] if random.random() < 0.6 else []
        corpus.append(prompt([random.choice(list(LOOKS))], tones, random))
    tokenizer = Tokenizer(_pairs(corpus))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = _words()
    tokenizer.add_special_tokens([START, END])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = RobertaProcessing(
        (END, id_of(tokenizer, END)),
        (START, id_of(tokenizer, START)),
        trim_offsets=False,
        add_prefix_space=False,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(file))
    return tokenizer


def _words() -> pre_tokenizers.PreTokenizer:
    """CLIP's: words, digits and signs, their bytes as letters."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )


def _pairs(corpus: list[str]) -> models.BPE:
    """Byte pairs with CLIP's mark on the last of a word, the same every time.

    The library numbers marked letters in the order of a hash table, which differs from run to run.
    So each is learnt as a letter of its own, of Unicode's private area, and named afterwards.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    marked = {letter: chr(_PRIVATE + index) for index, letter in enumerate(alphabet)}
    lines = []
    for text in sorted(corpus):
        words = [word for word, _ in _words().pre_tokenize_str(text.lower())]
        lines.append(" ".join(word[:-1] + marked[word[-1]] for word in words))
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=_SIZE,
        initial_alphabet=[*alphabet, *marked.values()],
        min_frequency=2,
        show_progress=False,
    )
    learner.train_from_iterator(lines, trainer)
    learnt = json.loads(learner.to_str())["model"]
    names = str.maketrans({private: letter + _LAST for letter, private in marked.items()})
    vocabulary = {token.translate(names): number for token, number in learnt["vocab"].items()}
    merges = [(one.translate(names), other.translate(names)) for one, other in learnt["merges"]]
    return models.BPE(vocabulary, merges, end_of_word_suffix=_LAST, unk_token=END)


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The TOKENS ids of a prompt: start, words, end, and ends up to the length."""
    end = id_of(tokenizer, END)
    found = tokenizer.encode(text).ids[: TOKENS - 1]
    found = found if found[-1] == end else [*found, end]
    return found + [end] * (TOKENS - len(found))


def id_of(tokenizer: Tokenizer, token: str) -> int:
    """Of a token that is there."""
    found = tokenizer.token_to_id(token)
    assert found is not None
    return found

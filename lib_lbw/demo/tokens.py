"""The demo model's CLIP tokenizer: byte pairs learnt from the vocabulary, one token a word."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from lib_lbw.demo.vocabulary import vocabulary

START, END = "<|startoftext|>", "<|endoftext|>"
MAX_TOKENS = 32
_EXTRA_WORDS = (",",)


def _byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes that CLIP's tokenizer uses."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(hidden))]


def learn_merges(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Byte-pair merges after which every word is a single symbol."""
    split = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for symbols in split for pair in pairwise(symbols))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = [_merge(symbols, best) for symbols in split]


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged


def write_tokenizer(folder: Path) -> int:
    """Write the tokenizer's files to `folder`; returns the number of tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = learn_merges((*vocabulary(), *_EXTRA_WORDS))
    alphabet = _byte_alphabet()
    ends = [letter + "</w>" for letter in alphabet]
    tokens = [START, END, *alphabet, *ends, *dict.fromkeys("".join(pair) for pair in merges)]
    ids = {token: i for i, token in enumerate(tokens)}
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=True), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    return len(ids)

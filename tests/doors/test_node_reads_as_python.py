"""Python and Node read every character of Unicode as the same tokens, alone and beside letters, marks and stops."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import tokenizers

READ = """
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { asRead } from "./asread.mjs";
const tokenizer = new Tokenizer(JSON.parse(readFileSync(process.argv[2], "utf8")), {});
const tokens = (text) => tokenizer.encode(asRead(text)).ids.join(" ");
const texts = JSON.parse(readFileSync(process.argv[3], "utf8"));
process.stdout.write(JSON.stringify(texts.map(tokens)));
"""


def differing(node_home: Path, tokenizer: Path, texts: list[str], scratch: Path) -> list[str]:
    """The texts that the two read differently."""
    reader = tokenizers.Tokenizer.from_file(str(tokenizer))
    reader.no_truncation()
    reader.no_padding()
    ours = [" ".join(map(str, encoding.ids)) for encoding in reader.encode_batch(texts)]
    (scratch / "texts.json").write_text(json.dumps(texts))
    (node_home / "read.mjs").write_text(READ)
    command = ["node", "read.mjs", str(tokenizer), str(scratch / "texts.json")]
    done = subprocess.run(command, cwd=node_home, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    return [text for text, one, other in zip(texts, ours, theirs, strict=True) if one != other]


def test_every_character_is_read_the_same(node_home: Path, tmp_path: Path) -> None:
    # MiniLM's own tokenizer: the one that is shipped.
    from homologate.classifier._encoder import encoder_directory

    tokenizer = Path(encoder_directory("minilm")) / "tokenizer.json"
    named = [*range(1, 0xD800), *range(0xE000, 0x20000), *range(0x2A6D0, 0x2A710), *range(0x2F7F0, 0x2FA30)]
    far = range(0x20000, 0x110000, 97)
    texts = [f"a{chr(code)}b" for code in [*named, *far]]
    assert [ascii(text) for text in differing(node_home, tokenizer, texts, tmp_path)] == []


def test_hard_texts_are_read_the_same(node_home: Path, directory: Path, texts: list[str], tmp_path: Path) -> None:
    odd = differing(node_home, directory / "tokenizer.json", texts, tmp_path)
    assert [ascii(text) for text in odd] == []

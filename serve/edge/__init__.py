"""The edge: a version packed for devices without a network, from an approved version only.

    made = make_package(directory, approval, out, key, image=…)      ONNX int8, tokenizer, runtime, signed manifest

`runtime/` is what the package runs (it travels, and imports nothing of this project); `node/` is the same verdict
without Python; `templates/` are the files around them. Nothing here trains, judges or promotes.
"""

from serve.edge._make import Made, make_package

__all__ = ["Made", "make_package"]

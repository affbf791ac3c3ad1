"""The tiny runtime of an edge package: verify, probe, answer, keep, forward, update. Runs as `python edge.pyz`.

It is packed into `edge.pyz` as `homologate_edge`, beside the version's own scorer, and runs on devices that have
numpy, onnxruntime and tokenizers and have never seen this repository. Therefore: relative imports, the standard
library, `homologate_scorer` and `homologate_collector` (both in the same file), and nothing else.
"""

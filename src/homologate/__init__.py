"""The classifier and its evidence, from rows to a registered version.

    settings · errors · tracking     what every step needs
    dataset/                         rows: read, check, mask, split, generate
    classifier/                      torch: train and export (nothing above the export knows torch)
    scorer/                          the ONNX bytes answer: text in, verdict and word attributions out
    evidence/                        what was measured about those bytes, for machines and for reviewers
    model_directory · register       the MLflow model directory and its version
    pipeline                         the steps in order

This room imports nothing from `registry_promotion` or `serve`.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]

"""The steps of the lifecycle, one file each; each opens one MLflow run and reads its inputs by run id.

    prepare  rows → checked, split rows
    train    split rows → classifier
    tune     split rows → settings worth training with (beside the loop)
    export   classifier → model directory (ONNX, fp32 and int8), proved equal to torch
    evaluate model directory → evaluation report
    explain  model directory → explanation report
    register model directory + evidence, the comparison with the champion and the cards → registered version
    reproduce registered version → the same training again, and whether it holds

A step never starts another step and never calls `mlflow.run`; `homologate.pipeline` puts them in order.
"""

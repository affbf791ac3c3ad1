"""The six principles of responsible AI, each answered by measured facts or by "not measured".

The principles are Microsoft's (fairness, reliability and safety, privacy and security, inclusiveness, transparency,
accountability); the questions are ours. An answer names the fact it is read from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["principles"]

Facts = Mapping[str, Any]


def principles(
    evaluation: Facts,
    explanation: Facts | None,
    parity: Facts | None,
    comparison: Facts | None = None,
    training: Facts | None = None,
) -> list[dict[str, Any]]:
    """`[{"name", "sentence", "answers": [{"question", "answer", "measured", "fact"}]}]`."""
    return [
        _principle(
            "Fairness", "Parts of every kind and every maker are judged alike.", _fairness(evaluation, explanation)
        ),
        _principle("Inclusiveness", "Whoever writes, however they write, is understood.", _inclusiveness(evaluation)),
        _principle(
            "Reliability and safety",
            "It errs seldom, and on the safe side.",
            _reliability(evaluation, parity, comparison),
        ),
        _principle("Transparency", "What decided is shown, and what is shown did decide.", _transparency(explanation)),
        _principle(
            "Privacy and security", "No person is in it, and no byte can be changed unseen.", _privacy(evaluation)
        ),
        _principle(
            "Accountability",
            "Who asks later finds the bytes, the rows and the people.",
            _accountability(evaluation, training),
        ),
    ]


def _principle(name: str, sentence: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "sentence": sentence, "answers": answers}


def _answer(question: str, fact: str, answer: str | None) -> dict[str, Any]:
    return {"question": question, "answer": answer or "not measured", "measured": answer is not None, "fact": fact}


def _fairness(evaluation: Facts, explanation: Facts | None) -> list[dict[str, Any]]:
    found = [
        _answer(
            f"Are mistakes spread evenly by {name}?", f"evaluation.slices.{name}.gap", _gaps(evaluation["slices"][name])
        )
        for name in ("component", "manufacturer", "source")
    ]
    return [
        *found,
        _answer("Does the maker’s name decide?", "explanation.drivers", _driver(explanation, "@manufacturer")),
    ]


def _gaps(sliced: Facts) -> str | None:
    words = {"miss_rate": "bad parts passed", "false_stop_rate": "good parts stopped"}
    parts = []
    for rate, text in words.items():
        gap = sliced["gap"].get(rate)
        if gap and gap["value"] is not None:
            chance = "no more than chance gives" if gap["value"] <= gap["chance"] else "more than chance gives"
            parts.append(f"{text} differ by at most {gap['value']:.0%}{_bounds(gap)}, {chance}")
    return "; ".join(parts) or None


def _driver(explanation: Facts | None, name: str) -> str | None:
    if explanation is None:
        return None
    for one in explanation["drivers"]["drivers"]:
        if one["name"] == name:
            if not one["texts"]:
                return "no test text holds one"
            return f"cutting it out flips {_percent(one['flips'])} of {one['texts']} verdicts{_bounds(one['flips'])}"
    return None


def _inclusiveness(evaluation: Facts) -> list[dict[str, Any]]:
    tests = evaluation["behaviour"]["tests"]

    def flips(name: str, question: str) -> dict[str, Any]:
        one = tests.get(name)
        text = None
        if one:
            text = f"{one['failures']} of {one['texts']} verdicts flip{_bounds(one['failure_rate'])}"
        return _answer(question, f"evaluation.behaviour.tests.{name}", text)

    awkward = tests["awkward"]
    return [
        flips("spelling", "Are slips of spelling forgiven?"),
        flips("upper_case", "Does writing in capitals matter?"),
        flips("look_alikes", "Do letters of another keyboard matter?"),
        _answer(
            "Is every input answered?",
            "evaluation.behaviour.tests.awkward",
            f"{awkward['texts'] - awkward['failures']} of {awkward['texts']} awkward inputs are",
        ),
        _answer("Are other languages judged as well?", "", None),
    ]


def _reliability(evaluation: Facts, parity: Facts | None, comparison: Facts | None) -> list[dict[str, Any]]:
    m = evaluation["metrics"][evaluation["served"]]
    labels, tests = evaluation["labels"], evaluation["behaviour"]["tests"]
    crossed = tests.get("limit_crossed")
    cost = f"{m['cost']['value']:.2f} per text{_bounds(m['cost'], share=False)}"
    ece = m["expected_calibration_error"]
    return [
        _answer(
            f"How many {labels['positive']} parts does it pass?",
            f"evaluation.metrics.{evaluation['served']}.miss_rate",
            None if m["miss_rate"]["value"] is None else f"{_percent(m['miss_rate'])}{_bounds(m['miss_rate'])}",
        ),
        _answer("What do its mistakes cost?", f"evaluation.metrics.{evaluation['served']}.cost", cost),
        _answer(
            "Can its probability be believed?",
            f"evaluation.metrics.{evaluation['served']}.expected_calibration_error",
            f"off by {ece['value']:.3f} on average{_bounds(ece, share=False)}",
        ),
        _answer(
            "Does it follow a figure across its limit?",
            "evaluation.behaviour.tests.limit_crossed",
            f"it fails to in {crossed['failures']} of {crossed['texts']} pairs{_bounds(crossed['failure_rate'])}"
            if crossed
            else None,
        ),
        _answer("Do the exported bytes answer as trained?", "parity", parity["verdict"] if parity else None),
        _answer("Is it as good as the version in Production?", "comparison", _beside(comparison)),
    ]


def _beside(comparison: Facts | None) -> str | None:
    """What the comparison found; one that cannot tell has measured nothing."""
    return comparison["verdict"] if comparison and comparison["status"] != "cannot_tell" else None


def _transparency(explanation: Facts | None) -> list[dict[str, Any]]:
    def read(tell: Callable[[Facts], str | None]) -> str | None:
        return tell(explanation) if explanation else None

    return [
        _answer("Do the shown words decide?", "explanation.faithfulness.flips", read(_decide)),
        _answer("Is the true cause among them?", "explanation.pointing.all", read(_cause)),
        _answer(
            "Does a second method agree?",
            "explanation.agreement",
            read(lambda e: _correlation(e["agreement"]["rank_correlation"])),
        ),
        _answer(
            "How far does the global picture hold?",
            "explanation.global.fidelity",
            read(lambda e: f"it gives the same verdict on {_percent(e['global']['fidelity']['agreement'])} of texts"),
        ),
    ]


def _decide(explanation: Facts) -> str | None:
    tested = explanation["faithfulness"]
    if tested is None:
        return None
    flips = tested["flips"]
    ours, random = _percent(flips["shares"]), _percent(flips["random"])
    return f"without the five strongest {ours} of verdicts turn, without five random ones {random}"


def _cause(explanation: Facts) -> str | None:
    pointing = explanation["pointing"]
    if pointing["not_measured"] or not pointing["all"]["texts"]:
        return None
    first, chance = _percent(pointing["all"]["first"]), pointing["all"]["chance"]
    return f"the strongest word lies in it {first} of the time, a random word {chance:.0%}"


def _correlation(interval: Facts) -> str | None:
    return (
        None
        if interval["value"] is None
        else f"rank correlation {interval['value']:.2f}{_bounds(interval, share=False)}"
    )


def _privacy(evaluation: Facts) -> list[dict[str, Any]]:
    personal = evaluation["personal"]
    return [
        _answer(
            "Do the texts name ways to reach a person?",
            "evaluation.personal",
            f"{personal['emails']} of {personal['rows']:,} texts hold something like an e-mail address, "
            f"{personal['telephones']} something like a telephone number",
        ),
        _answer("Do the texts name persons?", "", None),
        _answer("Can a training text be recovered from the model?", "", None),
        _answer("Which bytes are meant?", "evaluation.subject.digest", str(evaluation["subject"]["digest"])),
    ]


def _accountability(evaluation: Facts, training: Facts | None) -> list[dict[str, Any]]:
    data = evaluation["data"]
    return [
        _answer("Which rows was it tested on?", "evaluation.data.test.fingerprint", data["test"]["fingerprint"]),
        _answer("Which rows was it trained on?", "evaluation.data.train.fingerprint", data["train"]["fingerprint"]),
        _answer(
            "Can a later model be compared item by item?",
            "evaluation.items",
            f"yes: the probabilities of all {len(evaluation['items']['id']):,} test items are kept",
        ),
        _answer("Which code made it?", "training.source", _code(training)),
        _answer("Who approved it?", "the registry’s ledger, not a report", None),
    ]


def _code(training: Facts | None) -> str | None:
    if training is None or training["source"]["commit"] is None:
        return None
    dirty = ", with changes that were never committed" if training["source"]["dirty"] else ""
    return f"commit {training['source']['commit'][:12]}{dirty}, in {training['duration_seconds']:.0f} s"


def _percent(interval: Facts) -> str:
    return "an unknown share" if interval["value"] is None else f"{interval['value']:.0%}"


def _bounds(interval: Facts, *, share: bool = True) -> str:
    if interval["low"] is None:
        return ""
    low, high = interval["low"], interval["high"]
    return f" ({low:.0%} to {high:.0%})" if share else f" ({low:.2f} to {high:.2f})"

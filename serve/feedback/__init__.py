"""Feedback: what technicians and test benches say about predictions, who may say it, and what it says about a version.

give(…), decide(…)      record remarks and reviews, each checked against the people the settings name
performance(…)          how a version really does, over time and by slice, beside what its evaluation promised
add_feedback(…)         the same over HTTP: `POST /v1/feedback`
"""

from serve.feedback._api import add_feedback
from serve.feedback._desk import decide, give, may_give
from serve.feedback._performance import WORSE, performance, truths
from serve.feedback._promise import directory_of, named, promise_of, version_in_production

__all__ = [
    "WORSE",
    "add_feedback",
    "decide",
    "directory_of",
    "give",
    "may_give",
    "named",
    "performance",
    "promise_of",
    "truths",
    "version_in_production",
]

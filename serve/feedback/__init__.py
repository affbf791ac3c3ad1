"""Feedback: what technicians and test benches say about predictions, who may say it, and what it says about a version.

give(…), decide(…)      record remarks and reviews, each checked against the people the settings name
performance(…)          how a version really does, over time and by slice, beside what its evaluation promised
add_feedback(…)         the same over HTTP: `POST /v1/feedback`
"""

from serve.feedback._api import add_feedback
from serve.feedback._desk import decide, give
from serve.feedback._performance import performance

__all__ = ["add_feedback", "decide", "give", "performance"]

"""Train again, when there is a reason and reviewed feedback to learn from; ask people, never promote.

Cause.drift(…), .performance(…), .manual(…)   why: the same cause has the same id
may_start(…)                                  whether a retraining may begin now
retrain(…)                                    the whole lifecycle on old rows and reviewed feedback, then a request
"""

from serve.retrain._cause import Cause
from serve.retrain._history import may_start
from serve.retrain._retrain import retrain

__all__ = ["Cause", "may_start", "retrain"]

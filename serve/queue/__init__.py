"""Active learning: which texts a person should label next, because a label there teaches most.

    queue(predictions, remarks, known)      the most useful texts first, each with its reasons
    queue_of(settings)                      the same of the version in Production, `known` from its reference profile
    add_queue(app, …)                       `GET /v1/queue`

Nothing here labels, trains or promotes.
"""

from serve.queue._api import add_queue
from serve.queue._queue import Item, queue, queue_of, queue_without_profile

__all__ = ["Item", "add_queue", "queue", "queue_of", "queue_without_profile"]

"""Component descriptions made by rule, with the true cause of every label.

Published limits are its facts (`limits.yaml`), wording is data (`wording.yaml`).

A description says what a component did against a limit of a regulation, in one of several house styles, and often
what some *other* part did as well: the prototype that was scrapped, a competitor's, the lot before rework. The label
follows from what is said of the component itself, and from that alone. No word decides: the same words stand in rows
of both labels, and it is their order, the kind of limit, negation and number that tell. `docs/data.md` states the
rules and what such rows cannot show.

The room in the order of its flow: `_limits`, `_units`, `_wording` hand out data; `_plan` decides what a row says;
`_render` says it; `_noise` misspells it; `_drift` changes the newest rows; `_generate` makes the frame; `_behaviour`
makes pairs that differ in one thing.
"""

from homologate.dataset.synthetic._behaviour import Pair, behavioural_pairs
from homologate.dataset.synthetic._generate import Fact, generate, generate_with_facts

__all__ = ["Fact", "Pair", "behavioural_pairs", "generate", "generate_with_facts"]

"""Wording as data: who is spoken of, how a comparison is put, what is said beside the point.

Nothing here may tell the label by itself. Every list of one side has its counterpart on the other, and both stand in rows of both labels.
"""

from __future__ import annotations

__all__ = [
    "ABOVE", "ASIDES", "BELOW", "BOUNDS", "CURRENT", "GIVEN", "JOINERS", "LATER_SUPPLIERS", "LATER_WORDS", "NUMBERED", "OPENERS", "OTHER",
    "PLACES", "SHOWING", "STYLES", "SUPPLIERS",
]  # fmt: skip

CURRENT = (
    "the {part} submitted", "the series {part}", "the {part} offered for approval", "this {part}", "the {part} in hand", "the {part} of the present lot",
    "the {part} under application", "the delivered {part}", "the {part} we propose", "the new {part}", "the {part} as it is now built",
    "the production {part}", "the {part} named above", "our {part}", "the {part} on the order", "the present {part}", "the {part} for the type file",
    "the {part} drawn from the running line", "the {part} as shipped", "the final {part}", "today's {part}", "the released {part}",
)  # fmt: skip
"""The component that is judged."""

OTHER = (
    "the scrapped prototype", "the old design", "the predecessor", "a rival's {part}", "the first-off sample, since discarded,", "the withdrawn lot",
    "the {part} it replaces", "the trial piece from the closed tool", "the competitor's {part} bought for comparison", "last year's {part}",
    "the sample before rework", "the abandoned variant", "the mock-up", "the benchmark {part} of another maker", "the superseded drawing state",
    "the earlier {part}, no longer made,", "the {part} of the former supplier", "the cancelled second source", "the discarded pilot run",
    "the aged reference piece from the museum shelf", "the obsolete version", "the {part} dropped in spring",
)  # fmt: skip
"""A component that is not judged."""

ABOVE = ("above", "over", "beyond", "higher than", "in excess of", "greater than", "past", "larger than", "on the high side of", "upwards of")
BELOW = ("below", "under", "beneath", "lower than", "short of", "less than", "inferior to", "smaller than", "on the low side of", "down from")

BOUNDS = {
    "minimum": (
        "the minimum", "the floor", "the least allowed", "the required value", "the lower limit", "the bottom limit", "the smallest figure accepted",
        "the mandatory minimum", "the value it has to reach", "the least that {regulation} accepts", "what {regulation} demands at least",
        "the figure {regulation} requires",
    ),
    "maximum": (
        "the maximum", "the ceiling", "the most allowed", "the permitted value", "the upper limit", "the top limit", "the largest figure accepted",
        "the mandatory maximum", "the value it must not pass", "the most that {regulation} accepts", "what {regulation} tolerates at most",
        "the figure {regulation} permits",
    ),
}  # fmt: skip

SHOWING = (
    "showed a {quantity} {side} {bound}", "returned a {quantity} {side} {bound}", "gave a {quantity} {side} {bound}", "came in with a {quantity} {side} {bound}",
    "had its {quantity} {side} {bound}", "turned in a {quantity} {side} {bound}", "was measured with a {quantity} {side} {bound}",
    "ended up with a {quantity} {side} {bound}", "settled at a {quantity} {side} {bound}",
)  # fmt: skip

GIVEN = {
    "minimum": ("at least {limit} is asked for", "the floor is {limit}", "{regulation} wants no less than {limit}", "{limit} is the minimum", "{limit} must be reached"),
    "maximum": ("at most {limit} is granted", "the ceiling is {limit}", "{regulation} wants no more than {limit}", "{limit} is the maximum", "{limit} must not be passed"),
}  # fmt: skip

NUMBERED = (
    "showed a {quantity} of {value}, where {given}", "gave {value} of {quantity}; {given}", "was measured at {value} in {quantity}, and {given}",
    "came to {value} ({quantity}), while {given}", "returned {value} for {quantity}, and {given}",
)  # fmt: skip

STYLES = {
    "sheet": ("{Part} | {supplier} | ref. {reference}.", "Data sheet {reference}: {part}, {supplier}.", "{supplier}, {part}, item {reference}."),
    "laboratory": (
        "Test report {reference} on a {part} from {supplier}.", "A {part} by {supplier} was tested ({regulation} {clause}).",
        "Laboratory note {reference}: {quantity} of a {part}, {regulation} {clause}.",
    ),
    "letter": ("Hello, about the {part} from {supplier}:", "Dear all, here is the news on the {supplier} {part}.", "Hi, as agreed a word on our {part} (order {reference})."),
    "inspection": (
        "Audit at {supplier}, {part}, {quantity}.", "Inspector's note {reference}, {part}.", "Seen on site at {supplier}: {part}, sheet {reference}.",
    ),
}  # fmt: skip
"""House styles and how a description opens in each."""

OPENERS = ("", "", "", "In short, ", "As seen, ", "On the bench ", "During the run ", "This time ", "After conditioning ", "By the record ", "At room temperature ", "In the cold chamber ")
"""What may stand before a sentence of either kind."""

JOINERS = (". ", ". ", "; ", ", whereas ", ", while ", ". By contrast, ", ". Meanwhile ", ", and ")
"""How two statements are joined. The order of the two is drawn apart from it."""

ASIDES = (
    "Packaging was changed to reusable crates.", "The mould has two cavities.", "Delivery is planned for week {week}.", "The drawing is at index {letter}.",
    "Pictures are in the annex.", "The bench was calibrated in {month}.", "Two operators were present.", "The supplier asked for a copy.",
    "Colour and finish follow the master sample.", "The ambient was {celsius}.", "The next audit falls in {month}.", "A second invoice will follow.",
    "Tool number {week} was used.", "Mass was not recorded.", "The label carries a new bar code.", "Storage life is five years.", "The fixture was borrowed from the sister plant.",
    "Material certificates are on file.", "Shipping documents were in order.", "The plant moves to a new hall in {month}.",
)  # fmt: skip
"""Sentences beside the point."""

PLACES = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")

SUPPLIERS = (
    "Halvard Textil", "Norrby Press", "Castellan Polymers", "Brightwater Castings", "Oderfeld & Sons", "Tamarisk Rubber", "Vell Optics", "Kestrel Forge",
    "Montclair Foams", "Ashgrove Springs", "Pinecrest Wire", "Delamere Glass", "Sorrel Electric", "Quayside Tooling", "Lindqvist Metall", "Arbour Seating",
    "Falkenrath", "Merrow Hydraulics", "Tanglewood Plastics", "Zephyr Signal", "Iberica Frenos", "Orlan Systems", "Highmoor Tyres", "Calder Fasteners",
)  # fmt: skip
"""Invented names; each stands before both labels alike."""

LATER_SUPPLIERS = ("Nakamori Seiki", "Perak Komponen", "Baltoro Industries", "Yarra Dynamics", "Sertao Autopecas")
"""Suppliers who only appear with the drift `new_vocabulary`."""

LATER_WORDS = {
    "submitted": "tabled", "limit": "threshold", "above": "north of", "below": "south of", "required": "stipulated", "allowed": "sanctioned",
    "minimum": "lower bound", "maximum": "upper bound", "floor": "base mark", "ceiling": "top mark", "showed": "posted", "gave": "clocked",
    "returned": "logged", "tested": "trialled", "report": "dossier", "sample": "test article", "prototype": "pre-series unit", "design": "build state",
    "supplier": "vendor", "piece": "exemplar", "rule": "mandate", "demanded": "called-for", "prescribed": "statutory", "granted": "conceded",
    "old": "legacy", "series": "volume", "measured": "gauged", "wants": "stipulates", "earlier": "prior",
}  # fmt: skip
"""How those suppliers put it: their word for ours."""

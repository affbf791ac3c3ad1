"""Families of components and the published limits they are held to.

Each limit is a fact of the regulation it cites, in the regulation's own unit. `kept` and `broken` are ways a component of that family shows it kept
or broke the limit; they are wording, chosen so that a reader needs no number to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FAMILIES", "LATER_FAMILIES", "LATER_LIMITS", "LIMITS", "Limit"]

Kind = Literal["minimum", "maximum"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one regulation.

    Args:
        family: what the frame calls the component.
        part: names of the part under test.
        quantity: what is measured.
        kind: whether the value must reach the limit or must not pass it.
        value: the limit, in `unit`.
        unit: a name of `_units.UNITS`.
        others: units of the same dimension a laboratory may report in.
        regulation: the regulation and the clause that states the limit.
        kept: predicates of a part that kept it.
        broken: predicates of a part that broke it.
    """

    family: str
    part: tuple[str, ...]
    quantity: str
    kind: Kind
    value: float
    unit: str
    others: tuple[str, ...]
    regulation: str
    clause: str
    kept: tuple[str, ...]
    broken: tuple[str, ...]


LIMITS = (
    Limit(
        "seat belts", ("webbing", "belt strap", "lap belt webbing"), "breaking strength", "minimum", 26.689, "kN", ("lbf", "kgf", "N"),
        "FMVSS 209", "S4.2(b)",
        ("held on well past the required pull", "was still whole when the pull stood at the demanded load", "only parted long after the demanded load"),
        ("parted before the required pull was on", "tore in two on the way to the demanded load", "was in shreds ahead of the required pull"),
    ),
    Limit(
        "seat belts", ("buckle", "belt buckle", "release buckle"), "release force", "maximum", 133.0, "N", ("lbf", "kgf"), "FMVSS 209", "S4.3(d)",
        ("opened at a gentle press", "let the tongue go with less push than the rule grants", "sprang open under an easy thumb press"),
        ("took more push to open than the rule grants", "only let the tongue go under a push the rule forbids", "clung to the tongue beyond the push allowed"),
    ),
    Limit(
        "belt anchorages", ("anchorage", "belt anchor point", "anchor bracket"), "pull-out load", "minimum", 22.241, "kN", ("lbf", "kgf", "N"), "FMVSS 210", "S4.2.1",
        ("stayed rooted through the full pull", "never let go of the floor, even past the demanded load", "kept its bolt under all the load the rule asks"),
        ("came out of the floor short of the demanded load", "let its bolt go while the pull was still building", "ripped free ahead of the load the rule asks"),
    ),
    Limit(
        "brake hoses", ("brake hose", "hydraulic hose", "hose assembly"), "burst pressure", "minimum", 34.474, "MPa", ("psi", "bar"), "FMVSS 106", "S5.3.2",
        ("was still tight when the pump reached the prescribed pressure", "only burst far up the scale, beyond the prescribed pressure", "sat out the prescribed pressure without a drop"),
        ("burst while the pump was still short of the prescribed pressure", "sprayed open on the way to the prescribed pressure", "split ahead of the prescribed pressure"),
    ),
    Limit(
        "brake hoses", ("brake hose", "crimped hose end", "hose assembly"), "tensile pull", "minimum", 1446.0, "N", ("lbf", "kgf", "kN"), "FMVSS 106", "S5.3.4",
        ("kept both end fittings under the whole pull", "hung on to its crimp past the demanded pull", "let no fitting slip at the demanded pull"),
        ("lost a fitting before the demanded pull", "slid out of its crimp while the pull was still low", "gave up its end fitting early in the pull"),
    ),
    Limit(
        "interior trim", ("headliner", "seat fabric", "door trim foam"), "burn rate", "maximum", 102.0, "mm/min", ("in/min", "cm/min"), "FMVSS 302", "S4.3(a)",
        ("let the flame crawl more slowly than the rule allows", "smothered the flame before the first mark", "charred a little and went out by itself"),
        ("carried the flame along faster than the rule allows", "fed the flame so that it raced past the last mark too soon", "was burnt from mark to mark quicker than allowed"),
    ),
    Limit(
        "glazing", ("windscreen", "front side window", "laminated pane"), "light transmittance", "minimum", 70.0, "%", (), "FMVSS 205", "S5.1 (ANSI Z26.1, test 2)",
        ("let through all the light the rule asks for and more", "was clear enough for the rule", "held back less light than it may"),
        ("let through less light than the rule asks for", "was too dark for the rule", "held back more light than it may"),
    ),
    Limit(
        "seats", ("seat back", "backrest frame", "front seat back"), "rearward moment", "minimum", 373.0, "N m", ("lbf ft", "daN m"), "FMVSS 207", "S4.2(d)",
        ("stayed upright under the whole moment", "stood firm beyond the moment the rule sets", "took all of the prescribed moment on its recliner"),
        ("folded before the prescribed moment was reached", "let its recliner slip while the moment was still rising", "collapsed rearward short of the moment the rule sets"),
    ),
    Limit(
        "head restraints", ("head restraint", "headrest", "front head restraint"), "height", "minimum", 800.0, "mm", ("in", "cm"), "FMVSS 202a", "S4.2.1",
        ("rose as high as the rule wants, and a little higher", "stood tall enough for the rule", "topped out over the height the rule wants"),
        ("ended lower than the rule wants", "was too low for the rule even at its top notch", "stopped short of the height the rule wants"),
    ),
    Limit(
        "head restraints", ("head restraint", "headrest", "front head restraint"), "backset", "maximum", 55.0, "mm", ("in", "cm"), "FMVSS 202a", "S4.2.3",
        ("sat close enough behind the head", "left a smaller gap to the head than the rule grants", "kept the gap to the head inside what is granted"),
        ("sat too far behind the head", "left a wider gap to the head than the rule grants", "let the gap to the head grow past what is granted"),
    ),
    Limit(
        "door latches", ("door latch", "latch and striker", "side door latch"), "longitudinal load", "minimum", 11.0, "kN", ("lbf", "kgf", "N"), "FMVSS 206", "S4.1.1.1",
        ("stayed latched through the whole load", "kept hold of its striker beyond the demanded load", "was still shut when the demanded load was on"),
        ("sprang open before the demanded load was on", "let its striker go while the load was still building", "unlatched short of the demanded load"),
    ),
    Limit(
        "door hinges", ("door hinge", "hinge pair", "hinge pin"), "transverse load", "minimum", 9.0, "kN", ("lbf", "kgf", "N"), "FMVSS 206", "S4.1.2.1",
        ("carried the door through the whole load", "kept both leaves together past the demanded load", "bent but never let the door go"),
        ("let the door drop ahead of the demanded load", "came apart at the pin while the load was still low", "separated short of the demanded load"),
    ),
    Limit(
        "stop lamps", ("stop lamp", "brake light", "rear stop lamp"), "luminous intensity", "minimum", 60.0, "cd", (), "UN R7", "6.1",
        ("shone at least as brightly as the rule wants", "was bright enough on its axis", "gave all the light on axis that the rule wants"),
        ("shone more weakly than the rule wants", "was too dim on its axis", "gave less light on axis than the rule wants"),
    ),
    Limit(
        "rear fog lamps", ("rear fog lamp", "fog light", "fog lamp unit"), "luminous intensity", "maximum", 300.0, "cd", (), "UN R38", "6.3",
        ("stayed mild enough not to dazzle", "shone no harder than the rule lets it", "held its glare inside what the rule lets pass"),
        ("shone harder than the rule lets it", "was bright enough to dazzle those behind, past the allowance", "threw more light to the rear than the rule lets pass"),
    ),
    Limit(
        "headlamps", ("headlamp", "main beam unit", "upper beam lamp"), "peak intensity", "maximum", 75000.0, "cd", ("kcd",), "FMVSS 108", "S10.14 (Table XVIII)",
        ("kept its hot spot inside what is allowed", "peaked lower than the rule lets it", "never threw more light than it may"),
        ("let its hot spot grow brighter than is allowed", "peaked higher than the rule lets it", "threw more light than it may"),
    ),
    Limit(
        "tyres", ("tyre", "tire", "summer tyre"), "rolling sound", "maximum", 71.0, "dB(A)", (), "UN R117", "6.1.1",
        ("rolled past the microphones quietly enough", "was hushed more than the rule asks", "made less noise than the rule bears"),
        ("rolled past the microphones too loudly", "roared beyond what the rule bears", "made more noise than the rule bears"),
    ),
    Limit(
        "tyres", ("tyre", "tire", "car tyre"), "rolling resistance", "maximum", 10.5, "N/kN", (), "UN R117", "6.3",
        ("rolled more easily than the rule asks", "dragged less than it may", "kept its drag inside what is granted"),
        ("dragged more than it may", "rolled too stiffly for the rule", "let its drag grow past what is granted"),
    ),
    Limit(
        "brakes", ("service brake", "front brake", "brake assembly"), "mean deceleration", "minimum", 6.43, "m/s²", ("ft/s²",), "UN R13-H", "Annex 3, 2.1.1",
        ("slowed the car at least as hard as the rule wants", "bit hard enough from the first stop to the last", "pulled the car up with more bite than the rule wants"),
        ("slowed the car more weakly than the rule wants", "lacked the bite the rule wants", "let the car run on where the rule wants it slowed"),
    ),
    Limit(
        "brakes", ("service brake", "brake system", "disc brake set"), "stopping distance", "maximum", 70.0, "m", ("ft",), "FMVSS 135", "S7.5.3",
        ("brought the car to rest inside the allowed run", "stopped well before the last permitted metre", "needed less road than it may use"),
        ("brought the car to rest only beyond the allowed run", "was still rolling at the last permitted metre", "needed more road than it may use"),
    ),
    Limit(
        "brake linings", ("brake pad", "disc pad", "lining"), "shear strength", "minimum", 250.0, "N/cm²", ("MPa (shear)",), "UN R90", "5.3",
        ("kept its lining bonded under the whole shear load", "stayed on its back plate beyond the demanded load", "did not let the lining slide at the demanded load"),
        ("shed its lining before the demanded shear load", "slid off its back plate while the load was still low", "lost the bond short of the demanded load"),
    ),
    Limit(
        "fuel systems", ("fuel tank", "filler neck", "tank assembly"), "fuel spillage", "maximum", 142.0, "g", ("oz",), "FMVSS 301", "S5.5",
        ("wept hardly a drop after the impact", "lost less fuel than the rule forgives", "kept its fuel in, apart from a few drops"),
        ("poured out more fuel than the rule forgives", "ran fuel over the floor beyond what is forgiven", "leaked on and on after the impact, past the allowance"),
    ),
    Limit(
        "high-voltage systems", ("traction battery", "inverter", "high-voltage harness"), "isolation resistance", "minimum", 100.0, "Ω/V", ("kΩ/V",), "UN R100", "5.1.3",
        ("stayed as well insulated as the rule wants", "let less current stray to the chassis than it may", "kept its insulation sound throughout"),
        ("was less insulated than the rule wants", "let more current stray to the chassis than it may", "lost its insulation part way, under what is wanted"),
    ),
    Limit(
        "high-voltage systems", ("earth strap", "housing bond", "ground strap"), "bond resistance", "maximum", 0.1, "Ω", ("mΩ",), "UN R100", "5.1.2",
        ("tied the housing to the chassis firmly enough", "resisted the current less than it may", "conducted as freely as the rule wants"),
        ("tied the housing to the chassis too poorly", "resisted the current more than it may", "conducted worse than the rule wants"),
    ),
    Limit(
        "electronic units", ("control unit", "body controller", "camera module"), "radiated emission", "maximum", 32.0, "dBµV/m", (), "UN R10", "6.2",
        ("disturbed the aerial less than it may", "stayed quiet enough in the lower band", "radiated within what the rule bears"),
        ("disturbed the aerial more than it may", "was too noisy in the lower band", "radiated past what the rule bears"),
    ),
    Limit(
        "horns", ("horn", "signal horn", "warning horn"), "sound pressure", "minimum", 105.0, "dB(A)", (), "UN R28", "6.2",
        ("sounded at least as loud as the rule wants", "was loud enough at two metres", "carried as far as the rule wants"),
        ("sounded fainter than the rule wants", "was too soft at two metres", "fell silent of the loudness the rule wants"),
    ),
    Limit(
        "mirrors", ("exterior mirror", "door mirror", "mirror glass"), "radius of curvature", "minimum", 1200.0, "mm", ("in", "cm"), "UN R46", "6.1.2.2",
        ("was flat enough for the rule", "bent the image less than it may", "curved more gently than the rule asks"),
        ("was too curved for the rule", "bent the image more than it may", "bulged more strongly than the rule bears"),
    ),
    Limit(
        "mirrors", ("exterior mirror", "interior mirror", "mirror glass"), "reflectance", "minimum", 40.0, "%", (), "UN R46", "6.1.2.2",
        ("gave back as much light as the rule wants", "mirrored brightly enough", "swallowed less light than it may"),
        ("gave back less light than the rule wants", "mirrored too darkly", "swallowed more light than it may"),
    ),
    Limit(
        "steering columns", ("steering column", "column tube", "steering shaft"), "rearward displacement", "maximum", 127.0, "mm", ("in", "cm"), "FMVSS 204", "S4.2",
        ("moved towards the driver less than it may", "stayed nearly where it was in the crash", "collapsed on itself and spared the driver"),
        ("moved towards the driver more than it may", "was driven into the cabin past what is granted", "came back at the driver further than the rule bears"),
    ),
    Limit(
        "wipers", ("wiper motor", "wiper system", "front wiper"), "wiping frequency", "minimum", 45.0, "cycles/min", ("Hz",), "FMVSS 104", "S4.1.1.2",
        ("swept the glass at least as often as the rule wants", "was brisk enough at full speed", "beat faster than the rule wants"),
        ("swept the glass less often than the rule wants", "was too sluggish at full speed", "beat slower than the rule wants"),
    ),
    Limit(
        "instrument panels", ("instrument panel", "dashboard", "dash top"), "head deceleration", "maximum", 80.0, "g-load", ("m/s² (acceleration)",), "FMVSS 201", "S5.1",
        ("cushioned the head form well enough", "gave way softly under the head form", "stopped the head form more gently than it must"),
        ("stopped the head form too abruptly", "hit the head form harder than the rule bears", "was too hard under the head form"),
    ),
)  # fmt: skip
"""The limits of the default rows."""

LATER_LIMITS = (
    Limit(
        "child restraints", ("child seat", "child restraint", "booster shell"), "head excursion", "maximum", 720.0, "mm", ("in", "cm"), "FMVSS 213", "S5.1.3.1",
        ("kept the head from swinging out too far", "reined the dummy's head in inside what is granted", "let the head travel less than it may"),
        ("let the head swing out too far", "threw the dummy's head forward past what is granted", "let the head travel more than it may"),
    ),
    Limit(
        "rear underride guards", ("rear guard", "underride guard", "guard crossbar"), "ground clearance", "maximum", 560.0, "mm", ("in", "cm"), "FMVSS 224", "S5.1.2",
        ("hung low enough over the road", "left less air under its bar than it may", "kept its bar as close to the road as the rule wants"),
        ("hung too high over the road", "left more air under its bar than it may", "carried its bar further off the road than the rule bears"),
    ),
    Limit(
        "roof structures", ("roof", "roof rail", "B-pillar joint"), "plate travel", "maximum", 127.0, "mm", ("in", "cm"), "FMVSS 216a", "S5.1",
        ("let the plate sink in less than it may", "bore three times the car's weight without giving way too far", "stood up to the plate inside what is granted"),
        ("let the plate sink in more than it may", "gave way too far under three times the car's weight", "caved in past what is granted"),
    ),
)  # fmt: skip
"""Limits of families that only appear with the drift `new_family`."""

FAMILIES = tuple(dict.fromkeys(limit.family for limit in LIMITS))
LATER_FAMILIES = tuple(dict.fromkeys(limit.family for limit in LATER_LIMITS))

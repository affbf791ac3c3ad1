"""Units and their conversions: exact factors, so a rewritten value says the same."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNITS", "Unit", "convert", "number", "stated"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of one dimension: `base value = factor · value`."""

    name: str
    dimension: str
    factor: float


UNITS = {
    unit.name: unit
    for unit in (
        Unit("N", "force", 1.0),
        Unit("kN", "force", 1000.0),
        Unit("daN", "force", 10.0),
        Unit("lbf", "force", 4.4482216152605),
        Unit("kgf", "force", 9.80665),
        Unit("MPa", "pressure", 1e6),
        Unit("bar", "pressure", 1e5),
        Unit("psi", "pressure", 6894.757293168),
        Unit("mm", "length", 0.001),
        Unit("cm", "length", 0.01),
        Unit("m", "length", 1.0),
        Unit("in", "length", 0.0254),
        Unit("ft", "length", 0.3048),
        Unit("mm/min", "burn rate", 1.0),
        Unit("cm/min", "burn rate", 10.0),
        Unit("in/min", "burn rate", 25.4),
        Unit("N m", "moment", 1.0),
        Unit("daN m", "moment", 10.0),
        Unit("lbf ft", "moment", 1.3558179483314),
        Unit("cd", "intensity", 1.0),
        Unit("kcd", "intensity", 1000.0),
        Unit("%", "share", 1.0),
        Unit("g", "mass", 1.0),
        Unit("oz", "mass", 28.349523125),
        Unit("dB(A)", "sound", 1.0),
        Unit("dBµV/m", "field", 1.0),
        Unit("Ω/V", "isolation", 1.0),
        Unit("kΩ/V", "isolation", 1000.0),
        Unit("Ω", "resistance", 1.0),
        Unit("mΩ", "resistance", 0.001),
        Unit("m/s²", "deceleration", 1.0),
        Unit("ft/s²", "deceleration", 0.3048),
        Unit("N/cm²", "shear", 1.0),
        Unit("MPa (shear)", "shear", 100.0),
        Unit("cycles/min", "frequency", 1.0),
        Unit("Hz", "frequency", 60.0),
        Unit("N/kN", "ratio", 1.0),
        Unit("g-load", "acceleration", 9.80665),
        Unit("m/s² (acceleration)", "acceleration", 1.0),
    )
}
"""Every unit by name. Names with a bracketed remark are written without it (`number`)."""


def convert(value: float, source: str, target: str) -> float:
    """`value` in `source`, expressed in `target`.

    Raises:
        ValueError: the units measure different things.
    """
    if UNITS[source].dimension != UNITS[target].dimension:
        raise ValueError(f"{source} measures {UNITS[source].dimension}, {target} {UNITS[target].dimension}")
    return value * UNITS[source].factor / UNITS[target].factor


def number(value: float, unit: str) -> str:
    """A measured value as a laboratory writes it: about three significant digits, then the unit."""
    if abs(value) >= 1000:
        digits = f"{round(value, -1):,.0f}"
    elif abs(value) >= 100:
        digits = f"{value:.0f}"
    elif abs(value) >= 10:
        digits = f"{value:.1f}"
    else:
        digits = f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return _with_unit(digits, unit)


def stated(limit: float, unit: str) -> str:
    """A limit as its regulation states it, with all its digits."""
    return _with_unit(f"{limit:,.5g}", unit)


def _with_unit(digits: str, unit: str) -> str:
    written = "g" if unit == "g-load" else unit.partition(" (")[0] if unit != "dB(A)" else unit
    return f"{digits}{'' if written == '%' else ' '}{written}"

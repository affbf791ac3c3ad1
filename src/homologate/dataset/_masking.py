"""Taking the verdict out of a notice, so that a model has to read the component.

A recall notice states its own label: "fails to comply with Federal Motor Vehicle Safety Standard No. 108". A model
trained on such text scores perfectly and knows nothing. What is taken out: the verdict wording and the standards it
cites, dates, model years, makers, addresses of contact, and the sentences on remedy and notification, which follow
the verdict and not the part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["mask_leaks"]

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:r?uary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DATE = (
    rf"(?:{_MONTH}\s+(?:\d{{1,2}},?\s+)?(?:19|20)\d{{2}}|{_MONTH}\s+\d{{1,2}}"
    r"|\d{1,2}/\d{1,2}/\d{2,4}|(?:19|20)\d{2}-\d{2}-\d{2})"
)
_DATES = rf"{_DATE}(?:\s*,?\s*(?:through|thru|to|until|and|-|–)\s*{_DATE})*,?"
_YEARS = r"(?:19|20)\d{2}(?:\s*(?:-|–|to|through|and|,)\s*(?:19|20)\d{2})*"

_STANDARD = r"""
(?:the\s+)?(?:applicable\s+|requirements?\s+(?:of|in|from|specified\ in)\s+(?:the\s+)?)*
(?: (?:U\.?S\.?\s+|Federal\s+|Canada\s+|Canadian\s+)?Motor\s+Vehicle\s+Safety\s+(?:Standards?|Regulations?)
    (?:\s*\(\w*MVSS\))?
  | \bF?C?MVSS\b
  | \b49\s*C\.?F\.?R\.?(?:\s*(?:Part|§|Section))?
  | \bFederal\s+(?:Safety\s+)?(?:Regulations?|Standards?)(?:\s+Part)?
  | \bPart(?=\s+5\d\d\b) | \bCFR\s+Part
)
# the numbers, sections and quoted titles that follow
(?: \s*(?: , | and | & | as\ well\ as | Nos?\.? | numbers? | \# | FMVSS | Part | § | 571[.,]\d+\w*
         | \(?[Ss]\d[\w.()]* | \d{3}\w?(?:\.\d+)?(?:\([a-z0-9]\))* | ["“][^"”]{2,90}["”]? ) )*
"""
_VERDICT = r"""
(?:(?:and|which|that|so|but)\s+)?
(?:(?:may|might|could|can|will|would|do|does|did|are|is|were|was|therefore|thus|also|and|both|possibly)\s+)*
(?: fail(?:s|ed|ing|ures?)?\s+to\s+(?:fully\s+)?(?:comply|conform|meet|satisfy)
  | not\s+(?:be\s+)?(?:fully\s+)?(?: comply(?:ing)? | conform(?:ing)? | compliant | meet(?:ing)? | satisfy
                                   | in\s+(?:compliance|conformance|conformity) )
  | out\s+of\s+compliance | non-?\s?compli(?:ant|ance)\s+(?:with|to) | violat(?:e|es|ed|ing|ion\s+of)
  | (?:exceeds?|below)\s+the\s+(?:limits?|requirements?)\s+of )
"""
_BOILERPLATE = r"""
  \b(?:will|has|have|had|began|begun|is\ to)\b[^.]{0,40}\b(?:notif(?:y|ied|ying)|mail(?:ed|ing)?)\b
| \b(?:dealers?|manufacturer|owners?|remedy|remedies|repairs?)\b[^.]{0,60}
  \bwill\ (?:be\ )?(?:replac|repair|inspect|install|reprogram|updat|correct)
| free\ of\ charge | at\ no\ (?:charge|cost)
| \brecall\s+(?:is|was|began|begins|will|campaign|number|supersedes)\b | \b(?:safety|this)\s+recall\b
| (?:owners?|customers?|consumers?|purchasers?)\s+(?:may|can|should|are|who|with)\b[^.]{0,60}
  \b(?:contact|call|return|visit|stop|advised)
| \bnumbers?\s+(?:for|associated\ with|of)\s+(?:this|the|these)\s+(?:recall|campaign)
| \bAssociated\ Documents\b | \bPart\s+573\b | \bNHTSA\b | notification\ schedule | remedy\ plan | ^(?:important|note):
"""
_PHONE = r"(?:\bat\s+|\bor\s+)?\(?\b(?:1[-. ])?\(?\d{3}\)?[-. ]\s?\w{3}[-. ]\w{4}\b(?:\s*\([-\d. ]+\))?"
_MADE = r"\b(?:manufactured|built|produced|assembled|made)\s+(?:from|between|on|in|before|after|during|since)?"
_CITING = r"\b(?:as\s+)?(?:by|of|with|under|to|in|per|required\s+by|specified\s+(?:by|in)|allowed\s+by)?"


def _pattern(expression: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE | flags)


_DROPPED = _pattern(_BOILERPLATE, re.VERBOSE)
_RECALLING = _pattern(r"\brecalling\b")
_VERDICT_TO_END = _pattern(rf"\s*,?\s*{_VERDICT}\b.*$", re.VERBOSE | re.DOTALL)
_JOINED = _pattern(r"\s*,?\s*(?:and|which|that|so|but)\b")  # a whole clause came before
_CONCLUSION = _pattern(
    r"^(?:as\s+such|thus|therefore|accordingly|consequently|as\s+a\s+result|hence|because\s+of\s+this|this)\b"
)
_REPLACED = (
    (_pattern(r"^.{0,200}?\b(?:is|are)\s+(?:voluntarily\s+)?recalling\s+"), ""),
    (_pattern(r"\bthis\s+recall\s+(?:involves|affects|covers)\s+"), ""),
    (_pattern(r"(?:https?://|www\.)\S+|\S+@\S+\.\w+"), " "),
    (_pattern(_PHONE), " "),
    (_pattern(rf",?\s*{_MADE}\s*{_DATES}"), " "),
    (_pattern(rf"\b(?:from|between|on|in|before|after|since|until|by)?\s*{_DATES}"), " "),
    (_pattern(rf"\bmodel\s+years?\s+(?:{_YEARS})?"), " "),
    (re.compile(rf"\b{_YEARS}\b(?=\s+[A-Z])"), " "),
    (_pattern(r"\b(?:the|this|a)\s+non-?\s?compliance\b"), "the condition"),
    (_pattern(r"\bnon-?\s?compli(?:ance|ant)\b"), " "),
    (_pattern(rf"{_CITING}\s*{_STANDARD}", re.VERBOSE), " "),
)
_CORPORATE = _pattern(
    r"[\s,]+(?:inc|llc|l\.l\.c|ltd|co|corp|corporation|company|gmbh|ag|limited|group|of north america|north america"
    r"|usa|america)\b\.?"
)
_ABBREVIATION = re.compile(r"(?:\b(?:No|Nos|Inc|Co|Corp|Ltd|St|vs|approx|Mr|Dr)|\b[A-Z])\.$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]?\s+(?=[\"“(A-Z0-9])")
FEWEST_WORDS = 6  # fewer words before a verdict are its subject


def mask_leaks(text: str, makers: Iterable[str] = ()) -> str:
    """Remove from a notice what tells its label without telling of the component.

    Args:
        text: the notice as published.
        makers: names to remove wherever they stand capitalised, with and without their corporate ending.

    Returns:
        The description that is left, whitespace collapsed; empty where the notice said nothing else. Masking a masked
        text changes nothing.
    """
    previous, masked = "", " ".join(text.split())
    while masked != previous:  # what one pass joins, the next may recognise
        previous, masked = masked, _once(masked, makers)
    return masked


def _once(text: str, makers: Iterable[str]) -> str:
    kept = []
    for sentence in _sentences(text):
        if _DROPPED.search(sentence) and not _RECALLING.search(sentence):
            continue
        told = _without_verdict(sentence)
        for pattern, replacement in _REPLACED:
            told = pattern.sub(replacement, told)
        told = _tidy(_without_makers(told, makers))
        if re.search(r"\w", told):
            kept.append(told)
    return " ".join(kept)


def _sentences(text: str) -> list[str]:
    parts: list[str] = []
    for part in _SENTENCE_END.split(text):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += " " + part
        else:
            parts.append(part)
    return parts


def _without_verdict(sentence: str) -> str:
    """The sentence up to its verdict; nothing where only the verdict's subject or a conclusion would be left."""
    verdict = _VERDICT_TO_END.search(sentence)
    if verdict is None:
        return sentence
    left = sentence[: verdict.start()]
    only_subject = len(left.split()) < FEWEST_WORDS and not _JOINED.match(verdict.group())
    if not _RECALLING.search(left) and (_CONCLUSION.match(left) or only_subject):
        return ""
    return left + "."


def _without_makers(text: str, makers: Iterable[str]) -> str:
    names = {form for maker in makers for form in (maker.strip(), _CORPORATE.sub("", maker).strip()) if len(form) > 1}
    for name in sorted(names, key=lambda name: (-len(name), name)):
        pattern = _pattern(rf"(?<!\w){re.escape(name)}(?:['’]s)?(?!\w)")
        text = pattern.sub(lambda found: " " if found.group()[0].isupper() else found.group(), text)
    return text


def _tidy(text: str) -> str:
    text = re.sub(r"\(\s*\)|[\"“]\s*[\"”]", " ", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;:])", r"\1", text)
    text = re.sub(r"(?:,\s*)+([,.])", r"\1", text)
    text = re.sub(r"(?:\s(?:and|or|by|of|with|the|to|as|in))+([.]?)$", r"\1", text)
    text = text.strip(" ,;:")
    if text and text[-1] not in ".!?":
        text = re.sub(r"[.]?[\"”]$", "", text) + "."
    return text[:1].upper() + re.sub(r"[.]{2,}$", ".", text[1:])

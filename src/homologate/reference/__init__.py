"""The reference profile of a version: what the texts it was judged on looked like, kept inside the model directory.

    profile = profile_of(frame, scorer)          made at export; `profile.files()` become part of the judged bytes
    profile = load_profile(directory)            read where production is compared with it
    sample_of(texts, …, vocabulary, scorer)      the same numbers of any other texts

Drift is measured against this profile, never against texts fetched from elsewhere: a version carries its own past.
It holds numbers and frequent words, no sentence: which known words and sub-words each held-out text contains, without
their order. No torch, mlflow, or pandas at the top; nothing here judges whether anything drifted.
"""

from homologate.reference._files import SCHEMA, load_profile
from homologate.reference._make import HELD_OUT, profile_of
from homologate.reference._profile import Profile
from homologate.reference._sample import EMBEDDED, Bags, Sample, sample_of
from homologate.reference._words import Vocabulary, words

__all__ = [
    "EMBEDDED",
    "HELD_OUT",
    "SCHEMA",
    "Bags",
    "Profile",
    "Sample",
    "Vocabulary",
    "load_profile",
    "profile_of",
    "sample_of",
    "words",
]

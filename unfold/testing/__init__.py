"""Does a method conform? A conformance kit for plug-ins, in seconds.

`check_method` runs all checks and returns a report; `parametrize_methods` makes each check a
pytest case of its own. Any scikit-learn-compatible estimator can be checked.
"""

from unfold.testing.case import matched_cosine, random_rows
from unfold.testing.checks import CHECKS, REMEDIES
from unfold.testing.report import CheckReport, check_method, parametrize_methods

__all__ = [
    "CHECKS",
    "REMEDIES",
    "CheckReport",
    "check_method",
    "matched_cosine",
    "parametrize_methods",
    "random_rows",
]

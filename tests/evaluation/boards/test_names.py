"""Short names: what differs stays, and no two become one."""

import pytest

from evaluation.boards.names import fold


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.py:One", "pkg.mod:Two"], ["One", "Two"]),
        (["one/a.py:A", "two/a.py:A"], ["one/a.py:A", "two/a.py:A"]),
        (["m:A[k=1,p=2]", "m:A[k=1,p=3]"], ["A[p=2]", "A[p=3]"]),
        (["m:A[k=1]"], ["A[k=1]"]),
        (["m:A[k=(1,2)]", "m:A[k=(1,3)] (tuned)"], ["A[k=(1,2)]", "A[k=(1,3)] (tuned)"]),
        (["pca", "pca (tuned)", "control:oracle"], ["pca", "pca (tuned)", "control:oracle"]),
        (["A", "m:A"], ["A", "m:A"]),
    ],
)
def test_what_differs_is_kept(names, expected):
    assert fold(names) == expected
    assert len(set(fold(names))) == len(names)

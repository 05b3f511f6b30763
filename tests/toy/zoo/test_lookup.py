"""Names of problems: no version means the newest, and no two worlds are described alike."""

from collections import Counter

import pytest

import toy
from toy.make import resolve
from toy.zoo import lookup


@pytest.mark.parametrize("name", ["relu-20in5-p0.1", "relu-21in5-p0.2", "independent-24in12-p0.3"])
def test_a_name_without_a_version_is_that_problem(name):
    assert resolve(name) == resolve(f"{name}/v1")
    assert resolve({"id": name}) == resolve({"id": f"{name}/v1"})


def test_of_several_versions_the_newest_is_meant(monkeypatch):
    zoo = lookup.ZOO | {"a-1/v2": {}, "a-1/v10": {}, "a-1-b/v11": {}}
    monkeypatch.setattr(lookup, "ZOO", zoo)
    assert lookup.versioned("a-1") == "a-1/v10"
    assert lookup.versioned("a-1/v2") == "a-1/v2"


def test_what_is_no_problem_stays_as_it_is():
    assert lookup.versioned("no-such-problem") == "no-such-problem"
    with pytest.raises(ValueError, match="Unknown problem"):
        resolve("no-such-problem")


def test_every_problem_is_described_in_words_of_its_own():
    specs = {name: resolve(name)[1].model_dump(mode="json") for name in toy.list_problems()}
    told = Counter(spec["about"] for spec in specs.values())
    assert [about for about, n in told.items() if n > 1 or not about] == []

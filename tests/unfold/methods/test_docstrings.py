"""Parameters are documented once, and shown by every class that has them."""

import inspect
import re

import pytest

import unfold
from unfold.methods.docstrings import inherited


class Base:
    """One.

    Parameters
    ----------
    a : int
        First.

    Attributes
    ----------
    b : int
    """


class Child(Base):
    """Two.

    In more words.

    References
    ----------
    Somebody.
    """


class Own(Base):
    """Three.

    Parameters
    ----------
    c : int
    """


def test_the_section_of_the_base_comes_before_the_others_and_own_ones_stay():
    assert inspect.cleandoc(inherited(Child) or "") == (
        "Two.\n\nIn more words.\n\nParameters\n----------\na : int\n    First.\n\n"
        "References\n----------\nSomebody."
    )
    assert inherited(Own) == Own.__doc__
    assert inherited(type("Silent", (Base,), {})) is None


@pytest.mark.parametrize("name", unfold.list_methods())
def test_every_parameter_of_a_method_is_documented(name):
    method = unfold.get_method(name)
    doc = inspect.getdoc(method) or ""
    section = re.search(r"Parameters\n-{3,}\n(.*?)(\n\n[A-Z]\w+\n-{3,}|\Z)", doc, re.DOTALL)
    assert section, name
    documented = re.findall(r"^([\w, ]+?) :", section[1], re.MULTILINE)
    names = {one.strip() for line in documented for one in line.split(",")}
    assert set(method().get_params()) - {"n_components", "random_state"} <= names

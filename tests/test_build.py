"""The build that the tests were asked to run on is the one that they run on."""

import os

import pytest

import ipipscope


@pytest.mark.parametrize("name", ipipscope.COMPILED)
def test_the_build_is_the_one_that_was_asked_for(name):
    asked = os.environ.get("IPIPSCOPE_BUILD")
    assert asked in {None, "compiled", "plain"}
    if asked is not None:
        assert ipipscope.compiled()[name] is (asked == "compiled")

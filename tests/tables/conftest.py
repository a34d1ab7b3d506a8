import pytest

import ipipscope as ix
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def mismatch():
    """The second story: replies leave node4 from another outer address than requests are sent to."""
    return ix.load(ROOT / "captures" / "case-2-outer-source-mismatch")


@pytest.fixture(scope="session")
def mended():
    return ix.load(ROOT / "captures" / "case-2-mended")

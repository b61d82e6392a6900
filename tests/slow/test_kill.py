"""SIGKILL at fifty random moments of runs that save a checkpoint at every step."""

import pytest
from processes import killed

pytestmark = pytest.mark.slow


def test_fifty_kills_cost_no_bit(tmp_path):
    found = killed("moments", tmp_path, 50, 0)
    print(found)
    assert found["killed"] == 50
    assert found["half written"] > 0

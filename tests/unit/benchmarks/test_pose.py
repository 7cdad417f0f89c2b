from __future__ import annotations

import numpy as np
import pytest
from benchmarks.pose import apart


def test_distances_are_shares_of_the_bodys_height() -> None:
    theirs = np.full((2, 33, 2), 0.5, np.float32)
    theirs[:, (2, 5), 1], theirs[:, (27, 28), 1] = 0.1, 0.9  # 80 of 100 pixels
    ours = theirs + np.array([0.02, 0], np.float32)  # 4 of 200 pixels
    assert apart(theirs, theirs, (2, 100, 200, 3)).max() == 0
    assert apart(ours, theirs, (2, 100, 200, 3)) == pytest.approx(np.full((2, 33), 5.0), abs=1e-3)


def test_frames_in_which_one_of_both_found_nobody_are_left_out() -> None:
    theirs = np.random.default_rng(1).random((3, 33, 2), np.float32)
    ours = theirs.copy()
    ours[1] = np.nan
    assert apart(ours, theirs, (3, 10, 10, 3)).shape == (2, 33)

"""The landmark models without the mask that nobody reads tell what those that were published tell, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.models.store import ModelStore
from halfgig.motion.detector import open_interpreter, run
from halfgig.motion.poses import MASK, SIDE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.models, pytest.mark.slow]


@pytest.mark.parametrize("variant", ["full", "lite"])
def test_nothing_changes_without_the_mask(variant: str, model_store: Path) -> None:
    name = f"blazepose-{variant}"
    if name not in ModelStore(model_store).installed():
        pytest.skip(f"{name} is not in the model store")
    path = ModelStore(model_store).locate(name) / f"pose_landmark_{variant}.tflite"
    picture = np.random.default_rng(5).random((SIDE, SIDE, 3), np.float32)
    published = run(open_interpreter(path, 1), picture)
    assert published.pop(MASK).shape == (1, SIDE, SIDE, 1)
    for before, now in zip(published, run(open_interpreter(path, 1, without=MASK), picture), strict=True):
        np.testing.assert_array_equal(now, before)

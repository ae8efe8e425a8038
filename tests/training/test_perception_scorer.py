"""The teacher's scores of points: the same as the teacher gives on a picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from talkgen.errors import InputError
from talkgen.training.perception_scorer import NAMES, READ, TeacherScorer
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS

TASK = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "models" / "face_landmarker.task"


def test_tables_are_whole() -> None:
    assert len(set(READ)) == 146
    assert max(READ) < NUM_LANDMARKS
    assert set(MOTION_CHANNELS) - set(NAMES) == {"tongueOut"}
    assert len(set(NAMES)) == 52


def test_missing_task_file_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert (extra 'train') is not installed")
    with pytest.raises(InputError, match="no face_blendshapes"):
        TeacherScorer(tmp_path / "none.task")


@pytest.mark.skipif(not TASK.is_file(), reason=f"{TASK} is missing (set TALKGEN_DATA)")
def test_scores_are_those_of_the_teacher() -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert (extra 'train') is not installed")
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    from talkgen.face.mediapipe_backend import MediaPipeBackend
    from talkgen.face.region import Region

    image = skimage.data.astronaut()
    face = MediaPipeBackend(TASK).read(image, Region(225, 115, 150, 0.0))
    assert face is not None
    scorer = TeacherScorer(TASK)
    scores = scorer([face.landmarks, face.landmarks * 3])
    assert scores.shape == (2, 52)
    np.testing.assert_allclose(scores[0], face.scores, atol=0.08)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)  # of any size

"""The MediaPipe backend, where its package and task file are."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from scipy.spatial.transform import Rotation

from talkgen.errors import InputError, MissingDependencyError
from talkgen.face import mediapipe_backend
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.mediapipe_backend import TASK_NAME, find_task, get_task, rotation_angles

DATA = Path(os.environ.get("TALKGEN_DATA", "../shared"))
TASK = DATA / "models" / TASK_NAME


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    pytest.importorskip("mediapipe", reason="the optional package mediapipe is not installed")
    if not TASK.is_file():
        pytest.skip(f"{TASK} is missing (set TALKGEN_DATA)")
    return FaceAnalyzer.from_pretrained("mediapipe", TASK)


def test_angles_follow_the_convention() -> None:
    for angles in ([0.1, -0.4, 0.7], [-0.5, 0.2, -2.0]):
        matrix = Rotation.from_euler("xyz", angles).as_matrix()
        assert rotation_angles(matrix) == pytest.approx(angles, abs=1e-6)


def test_missing_task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKGEN_DATA", str(tmp_path))
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=TASK_NAME) as caught:
        find_task()
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        find_task(tmp_path / "elsewhere.task")
    wanted = tmp_path / "models" / TASK_NAME
    wanted.parent.mkdir()
    wanted.touch()
    assert find_task() == wanted


def test_task_file_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a task file"
    served = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    monkeypatch.delenv("TALKGEN_DATA", raising=False)
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{TASK_NAME}"
        monkeypatch.setattr(mediapipe_backend, "TASK_URL", url)
        with pytest.raises(MissingDependencyError, match="SHA-256") as caught:  # another file
            get_task()
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.rglob("*.*"))
        digest = hashlib.sha256(content).hexdigest()
        monkeypatch.setattr(mediapipe_backend, "TASK_SHA256", digest)
        path = get_task()
        assert path == tmp_path / "models" / TASK_NAME
        assert path.read_bytes() == content
        assert get_task() == path
        assert served == [f"/{TASK_NAME}"] * 2
        server.shutdown()


def test_offline_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALKGEN_DATA", raising=False)
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{TASK_NAME}"
    monkeypatch.setattr(mediapipe_backend, "TASK_URL", url)
    with pytest.raises(MissingDependencyError) as caught:
        get_task()
    message = str(caught.value)
    assert "\n" not in message
    assert url in message
    assert str(tmp_path / "models" / TASK_NAME) in message


def test_not_a_task_file(analyzer: FaceAnalyzer, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"not a task")
    with pytest.raises(InputError, match="task file"):
        FaceAnalyzer.from_pretrained("mediapipe", wrong)


def test_reads_the_astronaut(analyzer: FaceAnalyzer) -> None:
    image = skimage.data.astronaut()
    (face,) = analyzer.analyze(image)
    assert face.landmarks[33, :2] == pytest.approx((195, 100), abs=2)
    assert face.landmarks[263, :2] == pytest.approx((255, 103), abs=2)
    assert face.landmarks[1, 2] < face.landmarks[234, 2]  # the nose is nearer than the cheek
    assert 0 < face.rotation[2] < 0.2  # her head leans clockwise
    assert 0 <= face.scores.min() <= face.scores.max() <= 1


def test_roll_and_mirror(analyzer: FaceAnalyzer) -> None:
    image = skimage.data.astronaut()[:300, :400]
    (face,) = analyzer.analyze(image)
    (other,) = analyzer.analyze(np.ascontiguousarray(image[:, ::-1]))
    assert other.rotation == pytest.approx(face.rotation * [1, -1, -1], abs=0.06)


def test_silent_from_start_to_exit(analyzer: FaceAnalyzer) -> None:
    code = (
        "import sys, skimage.data\n"
        "from talkgen.face.analyzer import FaceAnalyzer\n"
        "a = FaceAnalyzer.from_pretrained('mediapipe', sys.argv[1])\n"
        "print(len(a.analyze(skimage.data.astronaut())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(TASK)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    assert "Traceback" not in done.stderr


def test_embedded_gives_the_same_nouns(analyzer: FaceAnalyzer) -> None:
    image = skimage.data.astronaut()
    (teacher,) = analyzer.analyze(image)
    (face,) = FaceAnalyzer.from_pretrained("embedded").analyze(image)
    for name in ("landmarks", "box", "scores", "rotation"):
        one, other = getattr(face, name), getattr(teacher, name)
        assert one.shape == other.shape
        assert one.dtype == other.dtype == np.float32
    gap = np.linalg.norm(face.landmarks[:, :2] - teacher.landmarks[:, :2], axis=1)
    assert gap.mean() / teacher.interocular < 0.04
    assert face.rotation == pytest.approx(teacher.rotation, abs=0.2)
    assert np.abs(face.scores - teacher.scores).mean() < 0.08

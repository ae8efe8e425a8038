"""Previews: the same picture as the command's, quickly, for several visitors at once."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.apps.stills import PREVIEW_PX, Kept, Stills
from talkgen.errors import InputError, MediaError, NoFaceError
from talkgen.pipelines.edit import EditPipeline

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
FIVE = {
    "right_eye": [204, 100], "left_eye": [247, 101], "nose": [223, 124],
    "mouth_right": [207, 143], "mouth_left": [242, 145],
}  # fmt: skip


@pytest.fixture(scope="module")
def stills() -> Stills:
    made = Stills()
    made.warm()
    return made


def test_preview_is_what_the_pipeline_draws(stills: Stills) -> None:
    asked = {"emotion": "happy:0.7", "pose": "8,0,0", "gaze": "5,0"}
    seen = stills.still(PORTRAIT, size=256, **asked)
    made = EditPipeline.from_pretrained()(PORTRAIT, size=256, **asked).image
    assert seen.shape == (256, 256, 3)
    assert np.abs(seen.astype(int) - made).mean() < 0.05
    assert (stills.still(PORTRAIT, size=256, **asked) == seen).all()


def test_large_pictures_are_not_made_larger(stills: Stills) -> None:
    assert stills.still(PORTRAIT).shape == (PREVIEW_PX, PREVIEW_PX, 3)
    assert stills.still(PORTRAIT, size=4000).shape == (512, 512, 3)
    head = stills.still(PORTRAIT, size=200, crop=True)
    assert head.shape == (200, 200, 3)


def test_the_next_frame_is_quick(stills: Stills) -> None:
    stills.still(PORTRAIT)
    start = time.monotonic()
    for step in range(10):
        stills.still(PORTRAIT, emotion=f"sad:{step / 10}")
    assert (time.monotonic() - start) / 10 < 0.25  # 15 ms each on an idle core


def test_faces_are_numbered_largest_first(stills: Stills, tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as picture:
        head = picture.convert("RGB").crop((120, 0, 330, 240))
    page = Image.new("RGB", (620, 300), (120, 130, 140))
    page.paste(head.resize((160, 183)), (20, 60))
    page.paste(head.resize((262, 300)), (300, 0))
    page.save(tmp_path / "two.png")
    found = stills.faces(tmp_path / "two.png")
    assert [face.number for face in found] == [1, 2]
    assert found[0].box[0] > 300 > found[1].box[2]
    assert found[0].verdict == "usable"
    one = stills.still(tmp_path / "two.png", emotion="surprise", face=1)
    two = stills.still(tmp_path / "two.png", emotion="surprise", face=2)
    half = one.shape[1] * 290 // 620
    assert (one[:, :half] != two[:, :half]).any()
    plain = stills.still(tmp_path / "two.png", face=1)
    assert (one[:, :half] == plain[:, :half]).all()  # the other person stays
    with pytest.raises(InputError, match="`face` is 3, but the picture shows 2 faces"):
        stills.still(tmp_path / "two.png", face=3)


def test_points_take_the_place_of_what_is_not_found(stills: Stills, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (90, 120, 90)).save(tmp_path / "empty.png")
    assert stills.faces(tmp_path / "empty.png") == []
    with pytest.raises(NoFaceError, match="no face found"):
        stills.still(tmp_path / "empty.png")
    changed = stills.still(PORTRAIT, emotion="happy", landmarks=FIVE)
    assert (changed != stills.still(PORTRAIT, landmarks=FIVE)).any()
    with pytest.raises(InputError, match="lacks nose"):
        stills.still(PORTRAIT, landmarks={k: v for k, v in FIVE.items() if k != "nose"})
    with pytest.raises(InputError, match="x and y are needed"):
        stills.still(PORTRAIT, landmarks={**FIVE, "nose": "/etc/passwd"})


def test_the_commands_own_lines_come_back(stills: Stills, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("words")
    with pytest.raises(MediaError, match="is not an image"):
        stills.faces(tmp_path / "no.png")
    with pytest.raises(InputError, match="unknown emotion 'glee'"):
        stills.still(PORTRAIT, emotion="glee")
    for name in ("emotion", "au"):
        with pytest.raises(InputError, match="a file"):
            stills.still(PORTRAIT, **{name: "/etc/secret.json"})
    _, notes = stills.still_and_notes(PORTRAIT, pose="50,0,0")
    assert len(notes) == 1
    assert "less far than asked" in notes[0]


def test_who_waits_for_one_thing_holds_up_nobody_else() -> None:
    kept = Kept(3)
    slow, entered, made = threading.Event(), threading.Event(), []

    def work() -> str:
        made.append(1)
        entered.set()
        assert slow.wait(10)
        return "slow"

    threads = [threading.Thread(target=lambda: made.append(kept.get("a", work))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    assert kept.get("b", lambda: "quick") == "quick"  # while "a" is being worked out
    slow.set()
    for thread in threads:
        thread.join(10)
    assert made == [1, "slow", "slow"]  # once


def test_kept_things_go_oldest_first_and_failures_are_not_kept() -> None:
    kept = Kept(2)
    for name in ("a", "b", "a", "c"):
        kept.get(name, object)
    assert len(kept) == 2
    again = []
    kept.get("a", lambda: again.append("a"))
    kept.get("b", lambda: again.append("b"))
    assert again == ["b"]
    with pytest.raises(ZeroDivisionError):
        kept.get("d", lambda: 1 / 0)
    assert kept.get("d", lambda: 5) == 5


def test_frames_are_drawn_while_a_portrait_is_worked_out(
    stills: Stills, monkeypatch: pytest.MonkeyPatch
) -> None:
    stills.still(PORTRAIT)
    gate, inside = threading.Event(), threading.Event()
    prepared = Stills._prepared

    def held(self: Stills, *arguments: object) -> object:
        inside.set()
        assert gate.wait(20)
        return prepared(self, *arguments)

    monkeypatch.setattr(Stills, "_prepared", held)
    other = threading.Thread(target=lambda: stills.still(PORTRAIT, size=300))
    other.start()
    assert inside.wait(10)
    assert stills.still(PORTRAIT, emotion="anger").shape == (512, 512, 3)
    gate.set()
    other.join(20)
    assert not other.is_alive()


def test_many_threads_draw_the_same_as_one(stills: Stills) -> None:
    wanted = [f"happy:{k / 8}" for k in range(8)]
    alone = [stills.still(PORTRAIT, emotion=text) for text in wanted]
    found: dict[str, np.ndarray] = {}

    def draw(text: str) -> None:
        found[text] = stills.still(PORTRAIT, emotion=text)

    threads = [threading.Thread(target=draw, args=(text,)) for text in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all((found[text] == one).all() for text, one in zip(wanted, alone, strict=True))

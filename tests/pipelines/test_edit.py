"""A still edited: only what is asked for changes, and the file keeps what it had."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from talkgen import EditPipeline
from talkgen.errors import InputError, MediaError, NoFaceError
from talkgen.face.gaze import gaze_of
from talkgen.io.edited import as_source, write_picture
from talkgen.pipelines.edit import TILE_PX, EditOutput, apart
from talkgen.pipelines.portrait import load_portrait
from talkgen.pipelines.sheet import STEPS, STRENGTHS
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Portrait

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def pipeline() -> EditPipeline:
    return EditPipeline.from_pretrained()


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    with Image.open(PORTRAIT) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="module")
def portrait(pipeline: EditPipeline, source: np.ndarray) -> Portrait:
    return load_portrait(pipeline.analyzer, source)


def scores(pipeline: EditPipeline, image: np.ndarray) -> dict[str, float]:
    face = pipeline.analyzer.analyze(image)[0]
    return dict(zip(MOTION_CHANNELS, face.scores.tolist(), strict=True))


def test_nothing_asked_for_changes_nothing(pipeline: EditPipeline, source: np.ndarray) -> None:
    assert (pipeline(PORTRAIT).image == source).all()


def test_only_the_head_changes(
    pipeline: EditPipeline, source: np.ndarray, portrait: Portrait
) -> None:
    made = pipeline(portrait, emotion="surprise:0.8").image
    assert made.shape == source.shape
    changed = (made != source).any(axis=2)
    rows, columns = np.nonzero(changed)
    x0, y0, x1, y1 = portrait.face.box
    width, height = x1 - x0, y1 - y0
    assert 0.01 < changed.mean() < 0.12
    assert columns.min() > x0 - width
    assert columns.max() < x1 + width
    assert rows.max() < y1 + height
    assert rows.min() >= 0
    assert (pipeline(portrait, emotion="surprise:0.8").image == made).all()  # the same again


def test_expressions_are_read_back(
    pipeline: EditPipeline, source: np.ndarray, portrait: Portrait
) -> None:
    own = scores(pipeline, source)
    sad = scores(pipeline, pipeline(portrait, emotion="sad").image)
    wide = scores(pipeline, pipeline(portrait, emotion="surprise").image)
    shut = scores(pipeline, pipeline(portrait, au="AU43").image)
    assert own["mouthSmileLeft"] > 0.5  # the picture smiles
    assert sad["mouthSmileLeft"] < 0.5 * own["mouthSmileLeft"]
    assert wide["browInnerUp"] > own["browInnerUp"] + 0.2
    assert shut["eyeBlinkLeft"] > own["eyeBlinkLeft"] + 0.3


def test_neutral_takes_a_smile_away(
    pipeline: EditPipeline, source: np.ndarray, portrait: Portrait
) -> None:
    smiles = [
        scores(pipeline, pipeline(portrait, emotion=f"neutral:{share}").image)["mouthSmileRight"]
        for share in (0, 0.5, 1)
    ]
    assert smiles[0] > smiles[1] > smiles[2]
    assert smiles[2] < 0.4 * smiles[0]


def test_pose_goes_where_it_is_said_to(pipeline: EditPipeline, portrait: Portrait) -> None:
    for pose, axis, sign in (("12,0,0", 1, 1), ("0,10,0", 0, 1), ("0,0,-12", 2, -1)):
        made = pipeline(portrait, pose=pose)
        turned = pipeline.analyzer.analyze(made.image)[0].rotation - portrait.face.rotation
        assert made.notes == ()
        assert np.rad2deg(turned[axis]) * sign > 4, pose
    left = pipeline(portrait, pose="20,0,0").image  # yaw above 0: to the left of the picture
    nose = pipeline.analyzer.analyze(left)[0].landmarks[1, 0]
    assert nose < portrait.face.landmarks[1, 0] - 2
    far = pipeline(portrait, pose="55,0,0")
    assert len(far.notes) == 1
    assert "the head turns less far than asked" in far.notes[0]


def test_gaze_goes_where_it_is_said_to(pipeline: EditPipeline, portrait: Portrait) -> None:
    def look(**asked: object) -> np.ndarray:
        image = pipeline(portrait, **asked).image
        return np.asarray(gaze_of(pipeline.analyzer.analyze(image)[0]).direction)

    own = look()
    assert look(gaze="15,0")[0] > own[0] + 0.1  # x, to the right of the picture
    assert look(gaze="-15,0")[0] < own[0] - 0.1
    assert look(gaze="0,12")[1] > own[1] + 0.05  # y, down
    away, back = look(pose="15,0,0"), look(pose="15,0,0", gaze="camera")
    assert abs(back[0]) < 0.6 * abs(away[0])
    assert "the eyes turn by" in pipeline(portrait, gaze="29,0").notes[0]


def test_eyes_alone_leave_the_mouth(
    pipeline: EditPipeline, source: np.ndarray, portrait: Portrait
) -> None:
    made = pipeline(portrait, gaze="12,0").image
    y = int(portrait.face.landmarks[1, 1])  # tip of the nose
    assert (made[y:] == source[y:]).all()
    assert (made != source).any()


def test_transparency_moves_along_and_stays_where_nothing_moves(
    pipeline: EditPipeline, source: np.ndarray, portrait: Portrait, tmp_path: Path
) -> None:
    assert portrait.alpha is not None
    alpha = np.rint(portrait.alpha * 255).astype(np.uint8)
    cut = np.dstack([source, alpha])
    plain = pipeline(cut)
    assert (np.dstack([plain.image, plain.alpha]) == cut).all()
    made = pipeline(cut, pose="-18,0,8", emotion="happy")
    assert made.alpha.shape == alpha.shape
    assert (made.alpha != alpha).any()  # the head's edge went along
    x, y = pipeline.analyzer.analyze(made.image)[0].landmarks[1, :2].round().astype(int)
    assert (made.alpha[y - 40 : y + 30, x - 30 : x + 10] == 255).all()  # no holes in the face
    corner = np.dstack([made.image, made.alpha])[:, :60]
    assert (corner == cut[:, :60]).all()
    made.save(tmp_path / "cut.png")
    with Image.open(tmp_path / "cut.png") as read:
        assert read.mode == "RGBA"
        assert (np.asarray(read)[..., 3] == made.alpha).all()
    made.save(tmp_path / "cut.jpg")  # over white
    with Image.open(tmp_path / "cut.jpg") as read:
        assert read.mode == "RGB"
        empty = cv2.erode((made.alpha == 0).astype(np.uint8), np.ones((17, 17))) > 0
        assert empty.any()
        assert np.asarray(read)[empty].min() > 245


def test_the_file_keeps_profile_and_greys(pipeline: EditPipeline, tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as picture:
        picture.save(tmp_path / "p.png", icc_profile=SRGB)
        picture.convert("L").save(tmp_path / "g.png")
    for suffix in (".png", ".jpg", ".webp"):
        out = tmp_path / f"o{suffix}"
        pipeline(tmp_path / "p.png", emotion="happy:0.5").save(out)
        with Image.open(out) as read:
            assert read.info["icc_profile"] == SRGB
            assert read.size == (512, 512)
            noted = read.info.get("Software") or read.getexif()[0x0131]
            assert "talkgen" in noted
    pipeline(tmp_path / "g.png", emotion="surprise").save(tmp_path / "go.png")
    with Image.open(tmp_path / "go.png") as read:
        assert read.mode == "L"


def test_sizes_and_crops(pipeline: EditPipeline, portrait: Portrait) -> None:
    assert pipeline(portrait, size=200, emotion="sad").image.shape == (200, 200, 3)
    head = pipeline(portrait, crop=True).image
    assert head.shape[0] == head.shape[1] < 300
    with pytest.raises(InputError, match="`size` is 20, 64 to 8192"):
        pipeline(portrait, size=20)


def test_sheets_hold_every_emotion(pipeline: EditPipeline, portrait: Portrait) -> None:
    with pytest.raises(InputError, match="`size` is 4000, on a sheet of 24 pictures at most 2041"):
        pipeline(portrait, sheet=True, size=4000)
    sheet = pipeline(portrait, sheet=True, size=96, pose="8,0,0").image
    across, down = len(EMOTIONS) * 96, len(STRENGTHS) * 96
    assert sheet.shape[0] > down
    assert sheet.shape[1] > across
    assert sheet.shape[1] < across * 1.2
    tiles = [sheet[40:90, 60 + k * 100 : 120 + k * 100] for k in range(8)]
    assert all((one != two).any() for one, two in itertools.pairwise(tiles))
    row = pipeline(portrait, sheet=True, emotion="happy").image
    assert len(STEPS) * TILE_PX < row.shape[1] < len(STEPS) * TILE_PX * 1.1
    assert TILE_PX < row.shape[0] < 1.5 * TILE_PX


def test_what_cannot_be_edited(pipeline: EditPipeline, tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match="no face found"):
        pipeline(np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(MediaError, match="no such file"):
        pipeline(tmp_path / "none.png")
    with pytest.raises(InputError, match="`face` is 4, but the picture shows 1 face"):
        pipeline(PORTRAIT, face=4)
    wide = np.zeros((10, 17_000, 3), np.uint8)
    with pytest.raises(MediaError, match="at most 16383 pixels a side"):
        write_picture(tmp_path / "w.webp", wide)
    with pytest.raises(InputError, match="must end with"):
        EditOutput(wide).save(tmp_path / "w.gif")
    assert list(tmp_path.iterdir()) == []


def test_colours_and_opacity_come_apart() -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (40, 40, 3), np.uint8)
    alpha = np.repeat(np.linspace(0, 255, 40).round().astype(np.uint8)[None], 40, 0)
    share = alpha[..., None] / 255
    white = np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)
    black = np.rint(colour * share).astype(np.uint8)
    found, opacity = apart(white, black)
    assert np.abs(opacity.astype(int) - alpha).max() <= 2
    solid = alpha > 128
    assert np.abs(found.astype(int) - colour)[solid].max() <= 4


def test_sources_are_read_with_all_they_have(tmp_path: Path) -> None:
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[..., 0], rgba[:, :4, 3] = 200, 255
    Image.fromarray(rgba).save(tmp_path / "a.png", icc_profile=SRGB)
    read = as_source(tmp_path / "a.png")
    assert read.profile == SRGB
    assert read.alpha is not None
    assert (read.alpha == rgba[..., 3]).all()
    assert (read.image[:, 5] == 255).all()
    assert (read.over_black[:, 5] == 0).all()
    assert (read.over_black[:, 1] == [200, 0, 0]).all()
    assert as_source(read) is read
    turned = Image.fromarray(rgba)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    turned.save(tmp_path / "t.png", exif=exif)
    upright = as_source(tmp_path / "t.png")
    assert upright.image.shape == (8, 6, 3)
    assert upright.alpha is not None
    assert upright.alpha.shape == (8, 6)

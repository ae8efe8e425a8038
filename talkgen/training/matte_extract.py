"""Exact mattes from photographs before a plain background: what `matte_prepare` calls.

The background is a smooth surface fitted to what is surely background. A pixel's alpha is its place
between the background's colour and the nearest surely-foreground colour; foreground colours are
freed of the background. Hair, skin, neck and clothes are told apart by graph cuts that start from
the face's landmarks.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.region import Region, region_of
from talkgen.types import FloatArray, ImageArray

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
JAW = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58,
       132, 93, 234)  # fmt: skip
"""The lower half of the oval, from the subject's left ear over the chin to the right."""


def plain_background(
    image: ImageArray, landmarks: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return the background (H, W, 3) float32, how far each pixel is from it (H, W, 3) in standard
    deviations of its noise, and the share of what is surely background that the surface explains.

    The surface is a polynomial; it starts from the picture's upper rim and grows to all that looks
    like it. image : (H, W, 3) uint8; landmarks : (478, 3) pixels
    """
    height, width = image.shape[:2]
    step = max(1, round(max(height, width) / 200))
    small = cv2.GaussianBlur(image, (0, 0), 0.5 * step)[::step, ::step].astype(np.float32)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]] * step
    face = region_of(landmarks)
    beside = np.abs(columns - face.x) / face.size
    above = (face.y - rows) / face.size
    # Nothing is sure about the head, nor below the shoulders' line.
    outside = ((beside / 0.9) ** 2 + (above / 1.2) ** 2 > 1) & (above > 0.35 - 0.75 * beside)
    sure = outside.copy()
    if sure.mean() < 0.04:
        sure = (above > 0) & ((rows < 0.02 * height) | (beside > 0.93 * beside[:, :1].min()))
    # What surely is a person, whatever its colour.
    body = (beside / 0.48) ** 2 + ((above - 0.08) / 0.66) ** 2 < 1
    body |= (above < -0.3) & (beside < 0.4)
    x, y = columns / width * 2 - 1, rows / height * 2 - 1
    values = small.reshape(-1, 3)
    use, fitted, spread = sure.ravel(), values, np.ones(3)
    for degree, limit in ((1, 20), (2, 12), (2, 8), (3, 8), (3, 7), (4, 6), (4, 6)):
        terms = [x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)]
        basis = np.stack(terms, -1).reshape(-1, len(terms))
        chosen = basis[use]
        ridge = np.diag([0.0] + [2e-3 * len(chosen)] * (len(terms) - 1))
        fitted = basis @ np.linalg.solve(chosen.T @ chosen + ridge, chosen.T @ values[use])
        gap = values - fitted
        spread = np.maximum(1.4826 * np.median(np.abs(gap[use]), axis=0), 1.2)
        spread = np.minimum(spread, 2.5)
        far = np.sqrt(((gap / spread) ** 2).sum(1)).reshape(sure.shape)
        near = (far < limit) & ~body & ((above > 0.5 - beside) | (far < 4) & (above > -0.55))
        if degree > 1:  # only what hangs together with the sure part
            near = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
            _, labels = cv2.connectedComponents(near)
            near = np.isin(labels, np.unique(labels[sure & (near > 0)])) & (near > 0)
        if near.sum() > 50:
            use = near.ravel()
    explained = float((far[sure] < 8).mean()) if sure.any() else 0.0
    plane = fitted.reshape(small.shape).astype(np.float32)
    whole = cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC)
    return whole, (image - whole) / spread.astype(np.float32), explained


def spread_colours(image: FloatArray, mask: NDArray[Any]) -> FloatArray:
    """Return (H, W, 3) where what `mask` leaves out takes the colours near by (push and pull)."""
    total = image * mask[..., None]
    weight = mask.astype(np.float32)
    levels = [(total, weight)]
    while min(levels[-1][1].shape) > 4:
        levels.append(tuple(cv2.pyrDown(v) for v in levels[-1]))  # type: ignore[arg-type]
    out = levels[-1][0] / np.maximum(levels[-1][1], 1e-4)[..., None]
    for level_total, level_weight in reversed(levels[:-1]):
        out = cv2.resize(out, level_weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        keep = np.minimum(level_weight * 4, 1)[..., None]
        own = level_total / np.maximum(level_weight, 1e-4)[..., None]
        out = own * keep + out * (1 - keep)
    return np.asarray(out, np.float32)


def _holes(solid: NDArray[Any], distance: FloatArray, body: NDArray[Any]) -> NDArray[Any]:
    """Return the holes of a person that are no view of the background: those in the body, and
    those whose colour is off the background's (highlights on hair). Curls leave real holes."""
    height, width = solid.shape
    reached = np.flatnonzero(solid[-max(3, height // 100) :].any(0))
    padded = np.pad(solid, 1).astype(np.uint8)
    if len(reached):  # the picture's lower rim cuts the body
        padded[-1, reached[0] + 1 : reached[-1] + 2] = 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - padded, connectivity=4)
    labels = labels[1:-1, 1:-1]
    out = np.zeros_like(solid)
    for index in range(1, len(stats)):
        x, y, wide, high = stats[index, :4]
        if x == 0 and wide >= width:  # what surrounds the person
            continue
        y0, y1, x0, x1 = max(y - 1, 0), y - 1 + high, max(x - 1, 0), x - 1 + wide
        there = labels[y0:y1, x0:x1] == index
        off = np.median(distance[y0:y1, x0:x1][there]) if there.any() else 0.0
        if off > 6.0 or body[y0:y1, x0:x1][there].mean() > 0.6:
            out[y0:y1, x0:x1] |= there
    return out


def _skull(solid: NDArray[Any], face: Region) -> NDArray[Any]:
    """Return where the skull is, inside of the person's outline: no hair is transparent there."""
    size = face.size
    reach = max(3, round(0.05 * size)) | 1
    closed = cv2.morphologyEx(
        solid.astype(np.uint8), cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)),
    )  # fmt: skip
    rim = max(3, round(0.025 * size)) | 1
    inside = cv2.erode(closed, np.ones((rim, rim), np.uint8), borderValue=1) > 0
    skull = np.zeros_like(closed)
    centre = (round(face.x), round(face.y - 0.14 * size))
    axes = (round(0.43 * size), round(0.62 * size))
    cv2.ellipse(skull, centre, axes, float(np.degrees(face.roll)), 0, 360, 1, -1)
    return inside & (skull > 0)


def plain_matte(
    image: ImageArray, landmarks: FloatArray, *, low: float = 7.0, high: float = 16.0
) -> tuple[FloatArray, ImageArray, float]:
    """Return the person's alpha (H, W) float32, the foreground's own colours (H, W, 3) uint8, and
    how well the background was explained (see `plain_background`).

    low, high : distances from the background (standard deviations) of sure background and person
    """
    background, away, explained = plain_background(image, landmarks)
    distance = np.sqrt((away**2).sum(2))
    height, width = distance.shape
    face = region_of(landmarks)
    steady = cv2.GaussianBlur(away, (0, 0), max(1.0, 0.006 * face.size))
    steady = np.sqrt((steady**2).sum(2))
    rows, columns = np.mgrid[:height, :width]
    chin = landmarks[152, 1]
    below = rows > chin + 0.12 * face.size
    person = ((distance > high) | (below & (steady > 4.5))).astype(np.uint8)
    cv2.fillPoly(person, [landmarks[list(FACE_OVAL), :2].astype(np.int32)], 1)
    reach = max(3, round(0.012 * face.size)) | 1
    closed = cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8))
    person = np.where(below, opened, person)
    _, labels = cv2.connectedComponents(person)
    own = labels[int(np.clip(face.y, 0, height - 1)), int(np.clip(face.x, 0, width - 1))]
    solid = labels == own
    solid |= _holes(solid, distance, (np.abs(columns - face.x) < 0.38 * face.size) & below
                    | (rows > chin + 0.38 * face.size))  # fmt: skip
    core = cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2) > 0
    # The person's own colours: where it differs most from the background, for its neighbourhood.
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (6 * reach + 1, 6 * reach + 1))
    most = cv2.dilate(np.minimum(distance, 120), wide)
    strong = np.where(below, core, solid & (distance > 0.6 * most))
    pixels = image.astype(np.float32)
    foreground = spread_colours(pixels, strong)
    toward = foreground - background
    along = ((pixels - background) * toward).sum(2) / np.maximum((toward**2).sum(2), 60.0)
    alpha = np.clip(along, 0, 1) * np.clip((distance - low) / (high - low), 0, 1)
    inner = cv2.erode(solid.astype(np.uint8), np.ones((3 * reach, 3 * reach), np.uint8)) > 0
    face_skin = np.zeros_like(person)
    cv2.fillPoly(face_skin, [landmarks[list(FACE_OVAL), :2].astype(np.int32)], 1)
    neck = (np.abs(columns - face.x) < 0.25 * face.size) & (rows > chin)
    alpha[core & (below | neck | (face_skin > 0))] = 1.0
    alpha[inner & (alpha > 0.55)] = 1.0
    alpha[_skull(solid, face)] = 1.0  # highlights on hair may have the background's colour
    band = cv2.dilate(solid.astype(np.uint8), np.ones((4 * reach + 1, 4 * reach + 1), np.uint8))
    alpha[band == 0] = 0.0
    alpha = np.clip((alpha - 0.04) / 0.90, 0, 1)
    part = alpha[..., None]
    own_colour = (pixels - (1 - part) * background) / np.maximum(part, 0.2)
    trust = np.clip((part - 0.3) / 0.5, 0, 1)
    clean = np.clip(own_colour, 0, 255) * trust + foreground * (1 - trust)
    return alpha.astype(np.float32), np.clip(clean, 0, 255).astype(np.uint8), explained


PARTS = ("background", "hair", "face", "neck", "clothes")
"""Channels of a matte, which sum to 1. face: all skin of the head with eyes, lips, beard, ears."""


CHEEKS = (
    (50, 205, 36, 100, 118), (280, 425, 266, 329, 347), (9, 107, 69, 151, 299, 336),
)  # fmt: skip


def parts_of(image: ImageArray, alpha: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Return the share of each of `PARTS` in every pixel, (5, H, W) float32, summing to 1.

    image : (H, W, 3) uint8, best the foreground's own colours; alpha : (H, W) the person
    """
    height, width = alpha.shape
    face = region_of(landmarks)
    points = landmarks[:, :2]
    oval = np.zeros((height, width), np.uint8)
    cv2.fillPoly(oval, [points[list(FACE_OVAL)].astype(np.int32)], 1)
    person = alpha > 0.4
    below = _under_jaw(points, height, width, face.size)
    unlike = _unlike_skin(image, person, points)
    hair = _hair(image, unlike, person, oval > 0, points, face, below)
    clothes = _clothes(image, unlike, person & ~hair, points, face, below)
    _settle(image, hair, clothes, person, below, unlike, face)
    neck = person & below & ~hair & ~clothes
    head = person & ~below & ~hair & ~clothes
    stack = np.stack([hair, head, neck, clothes]).astype(np.float32)
    fine = max(0.8, 0.004 * face.size)
    soft = np.stack([cv2.GaussianBlur(m, (0, 0), fine) for m in stack])
    # Where the person fades out (strands), the part is that of the nearest sure person.
    wide = np.stack([cv2.GaussianBlur(m, (0, 0), max(2.0, 0.02 * face.size)) for m in stack])
    soft += 1e-3 * wide + 1e-9
    soft /= soft.sum(0)
    return np.concatenate([1 - alpha[None], soft * alpha]).astype(np.float32)


def _settle(
    image: ImageArray, hair: NDArray[Any], clothes: NDArray[Any], person: NDArray[Any],
    below: NDArray[Any], unlike: FloatArray, face: Region,
) -> None:  # fmt: skip
    """Give what lies below the jaw and is no skin to hair or clothes, whose colour is nearer."""
    above, worn = hair & ~below, clothes & below
    if not above.any() or not worn.any():
        return
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    to_hair, to_clothes = (
        np.linalg.norm(lab - np.median(lab[m], 0), axis=2) for m in (above, worn)
    )
    beside = np.abs(np.arange(person.shape[1]) - face.x)[None] > 0.4 * face.size
    hair |= person & below & beside & (unlike > 2.2) & ~clothes & (to_hair < 0.7 * to_clothes)
    turned = hair & below & (to_clothes < to_hair)
    hair &= ~turned
    clothes |= turned


def _unlike_skin(image: ImageArray, person: NDArray[Any], points: FloatArray) -> FloatArray:
    """Return how far each colour is from the cheeks' and the forehead's, in their deviations."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    cheeks = np.zeros(person.shape, np.uint8)
    for ring in CHEEKS:
        cv2.fillConvexPoly(cheeks, cv2.convexHull(points[list(ring)].astype(np.int32)), 1)
    samples = lab[(cheeks > 0) & person]
    if len(samples) < 20:
        return np.zeros(person.shape, np.float32)
    middle = np.median(samples, axis=0)
    spread = 1.4826 * np.median(np.abs(samples - middle), axis=0)
    spread = np.maximum(spread * np.array([1.6, 1.2, 1.2]), [14.0, 4.0, 4.0])
    return np.asarray(np.sqrt((((lab - middle) / spread) ** 2).sum(2)), np.float32)


def _under_jaw(points: FloatArray, height: int, width: int, size: float) -> NDArray[Any]:
    """Return what lies under the jaw line, which goes on level beyond the ears' lobes."""
    jaw = points[list(JAW[2:-2])]  # from the lobes down
    jaw = jaw + np.array([0, 0.01 * size])
    left, right = jaw[0], jaw[-1]
    rest = [[-width, right[1]], [-width, 3 * height], [2.0 * width, 3 * height]]
    outline = np.concatenate([[[2.0 * width, left[1]]], jaw, rest])
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline.astype(np.int32)], 1)
    return mask > 0


def _cut(
    image: ImageArray, sure: NDArray[Any], never: NDArray[Any], likely: NDArray[Any]
) -> NDArray[Any]:
    """Return the graph cut of `sure` against `never`, `likely` where it starts from in between."""
    mask = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[never] = cv2.GC_BGD
    mask[sure] = cv2.GC_FGD
    if sure.sum() < 30 or never.sum() < 30:
        return np.asarray(sure)
    scale = 320 / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    chosen = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.float32)
    whole = cv2.resize(chosen, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray((whole > 0.5) & ~never | sure)


def _hair(
    image: ImageArray, unlike: FloatArray, person: NDArray[Any], oval: NDArray[Any],
    points: FloatArray, face: Region, below: NDArray[Any],
) -> NDArray[Any]:  # fmt: skip
    """Return where hair is; nothing on a bald head."""
    height, width = person.shape
    size = face.size
    rows, columns = np.mgrid[:height, :width]
    beside = np.abs(columns - face.x) / size
    inner = cv2.erode(person.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    crown = inner & ~oval & (rows < float(points[10, 1]) - 0.02 * size)
    sure = crown & (unlike > 2.6)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    samples = lab[sure]
    if len(samples) < 0.004 * size**2:
        return np.zeros_like(person)
    gap = lab - samples.mean(0)
    inverse = np.linalg.inv(np.cov(samples.T) + np.diag([60.0, 6.0, 6.0]))
    unlike_hair = np.sqrt(np.einsum("hwi,ij,hwj->hw", gap, inverse, gap))
    hairy = (unlike_hair < 2.0) & (unlike > 2.2) & (unlike_hair < 0.7 * unlike)
    ears = (beside < 0.56) & (rows > points[10, 1]) & (unlike_hair > 0.5 * unlike)
    sure |= hairy & inner & ~oval & ~below & ~ears & (beside > 0.42)
    sure |= hairy & inner & below & (beside > 0.42) & (unlike_hair < 0.4 * unlike)
    brows = (points[105, 1] + points[334, 1]) / 2
    never = ~person | (oval & (rows > brows - 0.02 * size)) | (oval & (unlike < 1.2))
    never |= below & ((beside < 0.2) | (rows > float(points[152, 1]) + 0.9 * size))
    never |= unlike < 0.9
    likely = (hairy | (~below & (unlike > 2.2))) & ~ears
    hair = _cut(image, sure & ~never, never, likely)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hair.astype(np.uint8))
    for index in range(1, count):  # crumbs, and what begins below the jaw: clothes
        piece = labels == index
        small = stats[index, cv2.CC_STAT_AREA] < 0.002 * size**2
        if small or not (piece & ~below).any():
            hair[piece] = False
    # Strands: what hangs beside the head and is no skin.
    strand = (beside > 0.56) & (rows < float(points[152, 1]) + 0.1 * size) | crown
    return hair | (person & strand & (unlike > 1.2) & ~never)


def _clothes(
    image: ImageArray, unlike: FloatArray, person: NDArray[Any], points: FloatArray, face: Region,
    below: NDArray[Any],
) -> NDArray[Any]:  # fmt: skip
    """Return where clothes are, told from the neck and from bare shoulders."""
    height, width = person.shape
    rows, columns = np.mgrid[:height, :width]
    beside = np.abs(columns - float(points[152, 0])) / face.size
    down = (rows - float(points[152, 1])) / face.size
    skin = unlike < 2.2
    sure = person & below & (down > 0.3) & (beside > 0.62) & ~skin
    sure |= person & below & (rows > 0.97 * height) & (beside > 0.45) & (down > 0.2) & ~skin
    neck = below & (beside < 0.16) & (down > 0.03) & (down < 0.24)
    bare = below & (unlike < 1.6) & (down < 0.9)
    never = ~person | ~below | neck | bare | (down < 0.06)
    likely = person & ~skin & (down > 0.35 - 0.25 * np.minimum(beside, 1))
    clothes = _cut(image, sure & ~never, never, likely)
    # What of the skin was cut out inside the clothes is a fold; what hangs with the neck stays.
    _, labels = cv2.connectedComponents((person & below & ~clothes).astype(np.uint8))
    joined = np.unique(labels[neck & person & ~clothes])
    apart = person & below & ~clothes & ~np.isin(labels, joined)
    return clothes | (apart & (down > 0.25))

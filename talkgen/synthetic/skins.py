"""Skins: photographs of people as textures of the head, in a bank that is built once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.head import HeadModel
from talkgen.render.background import smoothstep
from talkgen.render.inpaint import push_pull
from talkgen.render.lift import lifted_residual
from talkgen.render.rings import CHEEKS
from talkgen.render.texture import facing_sign, outside_mouth, seen_vertices, toward_viewer
from talkgen.synthetic.photographs import Photograph, foreground, photographs
from talkgen.synthetic.unwrap import TEXTURE_SIDE, Unwrap
from talkgen.types import FloatArray, ImageArray

log = logging.getLogger(__name__)

BANK_VERSION = 9


@dataclass(frozen=True, eq=False)
class Skin:
    """The look of one person.

    texture : (512, 512, 3) uint8 RGB over the head's uv, lids as if shut
    identity : (S,) float32, the head fitted to the photograph
    tone, forehead, hair : (3,) float32, 0 to 255, colours of these, the first of the cheeks
    bald : the hair's colour is the skin's
    """

    texture: ImageArray
    identity: FloatArray
    tone: FloatArray
    forehead: FloatArray
    hair: FloatArray
    bald: bool
    person: str


def skin_of(photo: Photograph, head: HeadModel, unwrap: Unwrap) -> Skin:
    """Return the skin of a photograph: seen texels from it, others mirrored, the rest filled."""
    fit, image = photo.fit, photo.image
    vertices = head.deform(head.neutral(fit.identity), fit.weights)
    points = fit.project(vertices)
    on_mesh = head.landmarks(vertices)
    iod = float(np.linalg.norm(photo.landmarks[33, :2] - photo.landmarks[263, :2]))
    left_over = (photo.landmarks - fit.project(on_mesh))[:, :2]
    lift = lifted_residual(vertices, on_mesh, left_over, head.landmark_weight, iod)
    facing = facing_sign(points, unwrap.faces)
    toward = toward_viewer(points, unwrap.faces, head.weld, facing)
    seen, _, _ = seen_vertices(points, unwrap.faces, facing, 0.3 * fit.scale)
    trust = smoothstep(0.25, 0.6, toward) * (seen | seen[head.weld])
    trust = trust * outside_mouth(
        points, photo.landmarks[:, :2].astype(np.float32), iod, np.ascontiguousarray(image)
    )
    if not photo.plain:
        # Around the face of a portrait with any background only what is surely skin counts.
        front = smoothstep(-2.0, -4.5, vertices[:, 2]) * smoothstep(-11.5, -9.5, vertices[:, 1])
        trust = trust * front * smoothstep(9.5, 8.0, vertices[:, 1])
    places = (points[:, :2] + lift).astype(np.float32)
    laid = unwrap.lay(np.column_stack([places, trust]))
    factor = max(1.0, fit.scale * 42 / TEXTURE_SIDE)  # texels of the face are about this wide
    source = cv2.GaussianBlur(image, (0, 0), 0.4 * factor) if factor > 1.3 else image
    grid = np.ascontiguousarray(laid[..., :2])
    color = cv2.remap(source, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    clear = cv2.remap(foreground(photo), grid, None, cv2.INTER_LINEAR, borderValue=0.0)
    known = laid[..., 2] * clear * unwrap.inside
    texture = _completed(color.astype(np.float32), known, unwrap)
    tone = np.median(texture[_near(unwrap.landmarks[list(CHEEKS)])], axis=0)
    balance = _balance(tone)
    texture, tone = texture * balance, tone * balance
    forehead = np.median(texture[_near(unwrap.landmarks[[10, 151]])], axis=0)
    hair, bald = _hair_color(photo, head, tone, balance)
    texture = _behind(texture, known, unwrap, tone)
    dark = 0.35 * np.minimum(hair, tone) + 8
    lash = unwrap.lashes[..., None]
    texture += (dark - texture) * lash
    texture = np.clip(texture, 0, 255).astype(np.uint8)
    return Skin(
        texture, fit.identity, tone.astype(np.float32), forehead.astype(np.float32), hair, bald,
        photo.person,
    )  # fmt: skip


def _completed(color: FloatArray, known: FloatArray, unwrap: Unwrap) -> FloatArray:
    """Return the texture with lids and unseen texels from the other half or their surroundings."""
    open_skin = known * (1.0 - unwrap.lids)
    other, theirs = color[:, ::-1], open_skin[:, ::-1]
    share = (1.0 - open_skin) * theirs
    mass = open_skin + share
    mixed = (color * open_skin[..., None] + other * share[..., None]) / np.maximum(
        mass, 1e-4
    )[..., None]
    return push_pull(mixed, np.clip(mass, 0, 1) * unwrap.inside)


def _behind(texture: FloatArray, known: FloatArray, unwrap: Unwrap, tone: Any) -> FloatArray:
    """Return the texture with neck and nape in the skin's own tone where nobody saw them."""
    unseen = np.clip(1.0 - np.maximum(known, known[:, ::-1]), 0, 1)
    # Below the collar a photograph shows its clothes.
    height = unwrap.rest[..., 1]
    low = np.maximum(smoothstep(5.0, 9.0, height) * unseen, smoothstep(9.5, 11.5, height))
    low = cv2.GaussianBlur(low, (0, 0), 3)[..., None]
    return np.asarray(texture + 0.8 * (0.9 * tone - texture) * low, np.float32)


def _near(points: Any, reach: int = 5) -> Any:
    mask = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), bool)
    for x, y in np.round(points).astype(int):
        mask[y - reach : y + reach + 1, x - reach : x + reach + 1] = True
    return mask


def _balance(tone: Any) -> FloatArray:
    """Return gains (3,) that take most of a colour cast off a skin of that tone."""
    usual = np.float32([1.0, 0.76, 0.64]) * (tone @ np.float32([0.4, 0.4, 0.2]))
    usual /= np.float32([1.0, 0.76, 0.64]) @ np.float32([0.4, 0.4, 0.2])
    return np.asarray((usual / np.maximum(tone, 1.0)) ** 0.6, np.float32)


def lifelike(skin: Skin, unwrap: Unwrap) -> bool:
    """Return whether a skin is a colour photograph: no engraving, no print in one tint."""
    lab = cv2.cvtColor(skin.texture, cv2.COLOR_RGB2LAB).astype(np.float32)
    cheek = _near(unwrap.landmarks[[50, 280, 205, 425]], 8)
    lips = _near(unwrap.landmarks[[72, 302, 85, 315]], 2)
    redder = float(np.median(lab[lips][:, 1]) - np.median(lab[cheek][:, 1]))
    fine = lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 3)
    red, green, blue = np.median(skin.texture[cheek], axis=0)
    colored = red > 1.14 * green and red > 1.25 * blue and float(lab[cheek][:, 1].std()) < 5.0
    # A face half in shadow would carry that shadow into every other light.
    broad = cv2.GaussianBlur(lab[..., 0], (0, 0), 8)
    face = _near(unwrap.landmarks[[50, 205, 101, 67, 103, 36, 108, 210]], 10)
    one_sided = float(np.abs(broad - broad[:, ::-1])[face].mean())
    plain = float(fine[cheek].std()) < 6.0 and one_sided < 21.0
    return bool(redder > 2.0 and plain and colored)


def _hair_color(
    photo: Photograph, head: HeadModel, tone: Any, balance: FloatArray
) -> tuple[FloatArray, bool]:
    """Return the colour (3,) of what lies over the forehead and whether it is skin."""
    fit = photo.fit
    places = np.array(
        [[x, y, -6.0] for x in (-4.0, -2.0, 0.0, 2.0, 4.0) for y in (-12.6, -11.8, -11.0)],
        np.float32,
    )
    spots = fit.project(places)[:, :2]
    height, width = photo.image.shape[:2]
    solid = foreground(photo)
    colors = []
    for x, y in np.round(spots).astype(int):
        if 2 <= x < width - 2 and 2 <= y < height - 2 and solid[y, x] > 0:
            colors.append(photo.image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0))
    if not colors:
        return np.float32([50, 40, 35]), False
    hair = (np.median(colors, axis=0) * balance).astype(np.float32)
    bald = bool(np.abs(hair - tone).max() < 34)
    return hair, bald


class SkinBank:
    """Many skins, their textures mapped from disk.

    bank[i] is a `Skin`; `len(bank)`; `bank.people` (N,) names
    """

    def __init__(self, textures: Any, labels: dict[str, Any]) -> None:
        self._textures, self._labels = textures, labels
        self.people = [str(x) for x in labels["person"]]

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> Skin:
        rows = self._labels
        return Skin(
            np.asarray(self._textures[index]), rows["identity"][index], rows["tone"][index],
            rows["forehead"][index], rows["hair"][index], bool(rows["bald"][index]),
            self.people[index],
        )  # fmt: skip

    @classmethod
    def build(cls, data: Path, folder: Path, head: HeadModel, *, held: bool = False) -> SkinBank:
        """Return the bank of the photographs under `data`, kept in `folder` for the next time."""
        name = f"skins_{'held' if held else 'train'}_{BANK_VERSION}"
        textures, labels = folder / f"{name}.npy", folder / f"{name}.npz"
        if not (textures.exists() and labels.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            unwrap = Unwrap(head)
            skins = []
            for photo in photographs(data, head, held=held, most_congress=140 if held else 1000):
                skin = skin_of(photo, head, unwrap)
                if not photo.plain and not lifelike(skin, unwrap):
                    continue
                skins.append(skin)
                if len(skins) % 50 == 0:
                    log.info("%d skins", len(skins))
            np.save(textures, np.stack([s.texture for s in skins]))
            fields = ("identity", "tone", "forehead", "hair", "bald", "person")
            np.savez(labels, **{f: np.array([getattr(s, f) for s in skins]) for f in fields})
        with np.load(labels) as rows:
            return cls(np.load(textures, mmap_mode="r"), dict(rows))



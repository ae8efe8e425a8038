"""Rendered heads: pictures of people who do not exist, with everything known about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen import hub
from talkgen.errors import InputError
from talkgen.face.head import PARTS, HeadModel
from talkgen.raster.fragments import Fragments, rasterize
from talkgen.synthetic import scene as scenes
from talkgen.synthetic.action_units import action_units_of
from talkgen.synthetic.backgrounds import BackgroundBank
from talkgen.synthetic.bodies import Body
from talkgen.synthetic.eyes import eye_disc, shade_eyes
from talkgen.synthetic.hair import HairShell, strand_texture
from talkgen.synthetic.lids import EyeLids
from talkgen.synthetic.light import developed, lit_share, open_sky, random_lights
from talkgen.synthetic.plain import plain_skins
from talkgen.synthetic.scene import Camera, HeadPerson
from talkgen.synthetic.shading import (
    BROW,
    CHANNELS,
    CLOTH,
    HAIR,
    NECK,
    PART_NAMES,
    SKIN,
    Paint,
    shade,
    shade_hair,
    vertex_normals,
)  # fmt: skip
from talkgen.synthetic.skins import SkinBank
from talkgen.synthetic.torso import half_width
from talkgen.synthetic.unwrap import Unwrap
from talkgen.types import FloatArray, ImageArray

PEOPLE = 4000
"""How many people a studio knows, by number; skins repeat among them with other faces and hair."""

SAMPLES = 2
"""Samples along each side of a pixel."""

HIDDEN_CM = 0.45
"""A landmark that lies this far behind what is drawn is not seen."""

HIDDEN_IRIS_CM = 0.12
"""The same for irises, which lie right under their lids."""

EYEBALL = PARTS.index("eyeball_left")
FIRST_IRIS = 468
SCALP_SHARE = 0.85


@dataclass(frozen=True, eq=False)
class RenderedHead:
    """A picture and its labels, exact but for the limits of the head model.

    image : (S, S, 3) uint8 RGB
    landmarks : (478, 3) float32, pixels, z away from the viewer from the head's origin
    weights : (52,) float32, head-model weights in `MOTION_CHANNELS` order
    action_units : name to intensity in [0, 1], see `talkgen.synthetic.action_units`
    rotation : (3,) float32, radians, pitch yaw roll of the head in the camera's axes
    gaze : (2, 2) float32, radians, [right eye, left eye] x [pitch, yaw] relative to the head
    depth : (S, S) float32, cm, from the head's origin away from the viewer, infinite where nothing
        is; hair and background are left out
    normals : (S, S, 3) float32 unit vectors in the camera's axes, zero where nothing is
    parts : (S, S) uint8, index into `PART_NAMES`
    visible : (478,) bool, in the picture and neither turned away nor covered by face or hair
    identity : (S,) float32; person : skin and number of the invented person
    """

    image: ImageArray
    landmarks: FloatArray
    weights: FloatArray
    action_units: dict[str, float]
    rotation: FloatArray
    gaze: FloatArray
    depth: FloatArray
    normals: FloatArray
    parts: ImageArray
    visible: np.ndarray
    identity: FloatArray
    person: str


class HeadStudio:
    """Draws rendered heads.

    skins : photographs as textures; backgrounds : pieces of pictures without faces
    seed : which people it knows; size : default side of the pictures in pixels
    threads : how many threads draw one picture

        studio = HeadStudio.from_data("../shared", folder="cache/studio")
        head = studio.sample(seed=7)
        head.image, head.landmarks, head.rotation
    """

    def __init__(
        self, head: HeadModel, skins: Any, backgrounds: BackgroundBank, *, seed: int = 0,
        size: int = 256, threads: int = 1,
    ) -> None:  # fmt: skip
        if len(skins) == 0:
            raise InputError("`skins` is empty, at least one skin is needed")
        self.head, self.skins, self.backgrounds = head, skins, backgrounds
        self.seed, self.size, self.threads = seed, size, threads
        self.unwrap = Unwrap(head)
        self.shell = HairShell(head)
        self._welded = head.weld[head.faces].astype(np.int32)
        x, y, _ = np.moveaxis(head.vertices[head.faces].mean(axis=1), 1, 0)
        self._kept = ~((np.abs(x) > half_width(y) - 0.3) & (y > 9.0)) & (y < 19)  # clothed
        normals = vertex_normals(head.vertices, self._welded)[head.weld]
        sky = open_sky(head.vertices, normals, head.faces)
        self._open = (0.35 + 0.65 * np.clip(sky * 1.15, 0, 1) ** 0.7).astype(np.float32)
        self._part_map = self._parts_of_skin()
        self._eyes = [np.unique(head.faces[head.part == PARTS.index(f"eyeball_{s}")])
                      for s in ("left", "right")]  # fmt: skip
        self._lids = EyeLids(head)
        self._mouth = np.unique(head.faces[head.part >= PARTS.index("teeth_upper")])
        socket = (head.part == PARTS.index("mouth_wall")) & (y < 0)
        self._sockets = np.unique(head.faces[socket])
        self._material = np.where(socket, EYEBALL, head.part).astype(np.uint8)

    @classmethod
    def from_data(
        cls, data_root: str | Path, *, held: bool = False, seed: int = 0, size: int = 256,
        folder: str | Path | None = None, threads: int = 1,
    ) -> HeadStudio:  # fmt: skip
        """Return a studio with skins of the London, Canada and congress photographs.

        data_root : the folder that `TALKGEN_DATA` names
        held : only people kept aside for measuring, instead of the others
        folder : where the bank is built once (minutes) and kept; the user's cache by default
        """
        head = HeadModel.from_pretrained()
        where = Path(folder) if folder is not None else hub.user_cache() / "studio"
        data = Path(data_root)
        skins = SkinBank.build(data, where, head, held=held)
        backgrounds = BackgroundBank.build(data, where, held=held)
        return cls(head, skins, backgrounds, seed=seed, size=size, threads=threads)

    @classmethod
    def plain(cls, *, seed: int = 0, size: int = 256, threads: int = 1) -> HeadStudio:
        """Return a studio with drawn skins, for use without any photographs."""
        head = HeadModel.from_pretrained()
        empty = BackgroundBank(np.zeros((0, 1, 1, 3), np.uint8))
        skins = plain_skins(Unwrap(head), head.num_identity)
        return cls(head, skins, empty, seed=seed, size=size, threads=threads)

    def person(self, number: int) -> HeadPerson:
        """Return the invented person of that number, always the same."""
        rng = np.random.default_rng([self.seed, 1, number])
        skin = self.skins[int(rng.integers(len(self.skins)))]
        return scenes.random_person(skin, number, self.head.num_identity, rng)

    def sample(self, seed: int, size: int | None = None, **given: Any) -> RenderedHead:
        """Return the picture of that seed; `given` as in `draw`."""
        return self.draw(np.random.default_rng([self.seed, 2, seed]), size=size, **given)

    def draw(
        self, rng: np.random.Generator, *, size: int | None = None,
        person: HeadPerson | int | None = None, weights: FloatArray | None = None,
        rotation: FloatArray | None = None, camera: Camera | None = None,
    ) -> RenderedHead:  # fmt: skip
        """Return a random picture; what is given is kept."""
        side = size or self.size
        if side < 32:
            raise InputError(f"`size` is {side} pixels, at least 32 are needed")
        if not isinstance(person, HeadPerson):
            person = self.person(int(rng.integers(PEOPLE)) if person is None else person)
        if weights is None:
            weights = scenes.random_face(rng)
        weights = np.asarray(weights, np.float32)
        if rotation is None:
            rotation = scenes.random_rotation(rng)
        rotation = np.asarray(rotation, np.float32)
        if camera is None:
            camera = scenes.random_camera(rng, side, rotation)
        return self._render(person, weights, rotation, camera, side, rng)

    def _render(
        self, person: HeadPerson, weights: FloatArray, rotation: FloatArray, camera: Camera,
        side: int, rng: np.random.Generator,
    ) -> RenderedHead:  # fmt: skip
        head = self.head
        neutral = self._lids.fitted(head.neutral(person.identity))
        shape = self._lids.shut(neutral, head.deform(neutral, weights), weights)
        body = Body(rotation, rng)
        turned = body.pose(shape)
        torso, torso_faces, torso_places = body.torso()
        points = np.concatenate([turned, torso])
        faces = np.concatenate([head.faces[self._kept], torso_faces + len(turned)])
        material = np.concatenate(
            [self._material[self._kept], np.full(len(torso_faces), CLOTH, np.uint8)]
        )
        welded = np.concatenate([self._welded, torso_faces + len(turned)])
        normals = vertex_normals(points, welded)
        normals[: len(turned)] = normals[head.weld]
        lights = random_lights(rng)
        lit = lit_share(points, faces, lights.directions[0])
        values = np.empty((len(points), CHANNELS), np.float32)
        values[:, :3], values[:, 6] = normals, lit
        self._places(values, neutral, shape)
        values[len(turned) :, 3:6] = torso_places

        fine = side * SAMPLES
        pixels = camera.project(points, side)
        drawn_at = pixels * np.float32(SAMPLES)
        drawn_at[:, :2] += (SAMPLES - 1) / 2
        fragments = rasterize(
            drawn_at, faces, Fragments.empty(fine, fine), threads=self.threads
        )
        color = cv2.resize(self.backgrounds.draw(rng, side), (fine, fine))
        parts = np.zeros((fine, fine), np.uint8)
        normal_map = np.zeros((fine, fine, 3), np.float32)
        shade(fragments, faces, values, material, self._paint(person, rng), lights, color, parts,
              normal_map, self.threads)  # fmt: skip
        landmarks = camera.project(body.pose(head.landmarks(shape), fixed=True), side)
        at = landmarks[:, :2] * SAMPLES + (SAMPLES - 1) / 2
        shade_eyes(color, parts, at, camera.scale * SAMPLES)
        hair_depth = self._hair(person, shape - head.vertices, body, camera, lights, side,
                                fragments.depth, color, parts)  # fmt: skip

        image = cv2.resize(color, (side, side), interpolation=cv2.INTER_AREA)
        image = developed(image, rng)
        visible = self._visible(landmarks, turned, fragments, hair_depth, camera)
        depth = fragments.depth[::SAMPLES, ::SAMPLES] / np.float32(camera.scale * SAMPLES)
        return RenderedHead(
            image=image, landmarks=landmarks, weights=weights,
            action_units=action_units_of(weights), rotation=rotation, gaze=gaze_of(head, weights),
            depth=depth, normals=np.ascontiguousarray(normal_map[::SAMPLES, ::SAMPLES]),
            parts=np.ascontiguousarray(parts[::SAMPLES, ::SAMPLES]), visible=visible,
            identity=person.identity, person=person.name,
        )  # fmt: skip

    def _places(self, values: FloatArray, neutral: FloatArray, shape: FloatArray) -> None:
        """Fill where on its surface each head vertex lies, see `shading.CHANNELS`."""
        head = self.head
        count = len(shape)
        values[:count, 3:5] = head.uv
        values[:count, 5] = self._open
        for rows, center in zip(self._eyes, head.eye_centers_of(neutral), strict=True):
            offset = neutral[rows] - center
            radius = np.linalg.norm(offset, axis=1).max()
            values[rows, 3:6] = offset / radius
        lips = head.landmarks(shape)[[13, 14], 2].mean()
        values[self._mouth, 5] = shape[self._mouth, 2] - lips - 0.5
        values[self._sockets, 5] = 1.0  # flesh beside the eyeballs, not the dark of the mouth

    def _paint(self, person: HeadPerson, rng: np.random.Generator) -> Paint:
        skin = person.skin
        tone = skin.tone * person.tint
        scalp = tone
        share = np.zeros_like(self.unwrap.scalp)
        if person.hair is None:
            scalp, share = skin.forehead * person.tint, self.unwrap.scalp
        elif not person.hair.cloth:
            scalp, share = person.hair_color * 0.8, self.unwrap.scalp * SCALP_SHARE
        texture = np.clip(skin.texture * person.tint, 0, 255).astype(np.uint8)
        colors = np.zeros((CLOTH + 1, 3), np.float32)
        colors[0:2] = tone
        colors[2:4] = [205, 190, 180]
        colors[4:6] = person.teeth
        flesh = 0.45 * tone + 0.55 * np.float32([188, 92, 92])
        colors[6:8] = flesh * 0.85
        colors[8] = 0.3 * tone + 0.7 * np.float32([190, 98, 98])
        colors[9] = flesh * 0.4
        colors[CLOTH] = rng.uniform(8, 240, 3) * 0.4 + rng.uniform(0, 140)
        gloss = np.zeros((CLOTH + 1, 2), np.float32)
        gloss[:] = 0.0, 8.0
        gloss[0:2] = rng.uniform(0.02, 0.16), rng.uniform(6, 22)
        gloss[1, 0] *= 1.5
        gloss[2:4] = 0.8, 500.0
        gloss[4:9] = 0.22, 30.0
        cloth = np.zeros(8, np.float32)
        cloth[0] = rng.choice(4, p=[0.5, 0.12, 0.1, 0.28])
        cloth[1] = rng.uniform(1.0, 5.0)
        if cloth[0] == 3:
            cloth[2:5] = rng.uniform(170, 250)
            colors[CLOTH] = colors[CLOTH] * 0.4
        else:
            cloth[2:5] = rng.uniform(8, 245, 3)
        cloth[5:8] = rng.uniform(8, 200, 3)
        return Paint(
            texture, share, scalp.astype(np.float32), self._part_map,
            eye_disc(np.random.default_rng(person.eyes)), colors, gloss, cloth,
        )  # fmt: skip

    def _hair(
        self, person: HeadPerson, moved: FloatArray, body: Body, camera: Camera, lights: Any,
        side: int, behind: FloatArray, color: FloatArray, parts: ImageArray,
    ) -> FloatArray | None:  # fmt: skip
        """Draw the hair, its inside first; return the depth of the nearest, None without hair."""
        style = person.hair
        if style is None:
            return None
        rest, places = self.shell.wear(style)
        points = body.pose(rest + self.shell.carry(moved))
        values = np.ones((len(points), CHANNELS), np.float32)
        values[:, :3] = -vertex_normals(points, self.shell.faces)
        outwards = points - body.pose(np.float32([[0, -2, 0]]), fixed=True)
        if float((values[:, :3] * outwards).sum()) < 0:
            values[:, :3] *= -1
        values[:, 3:6] = places
        fine = side * SAMPLES
        pixels = camera.project(points, side) * np.float32(SAMPLES)
        pixels[:, :2] += (SAMPLES - 1) / 2
        strands = strand_texture(style.curl)
        gloss = 0.0 if style.cloth else 0.35
        nearest = np.full((fine, fine), np.inf, np.float32)
        for facing in (1.0, -1.0):
            drawn = rasterize(pixels, self.shell.faces, Fragments.empty(fine, fine),
                              facing=facing, threads=self.threads)  # fmt: skip
            shade_hair(drawn, self.shell.faces, values, behind, strands, person.hair_color,
                       style.fray, gloss, style.cloth, lights, color, parts,
                       self.threads)  # fmt: skip
            nearest = np.minimum(nearest, drawn.depth)
        names = (HAIR, len(PART_NAMES) - 1)
        return np.where(np.isin(parts, names) & (nearest < behind), nearest, np.inf)

    def _visible(
        self, landmarks: FloatArray, turned: FloatArray, fragments: Fragments,
        hair: FloatArray | None, camera: Camera,
    ) -> np.ndarray:  # fmt: skip
        """Return (478,) whether a landmark lies in the picture before all that is drawn there."""
        fine = fragments.depth.shape[0]
        at = np.rint(landmarks[:, :2] * SAMPLES + (SAMPLES - 1) / 2).astype(int)
        inside = ((at >= 0) & (at < fine)).all(axis=1)
        x, y = np.clip(at, 1, fine - 2).T
        depth = landmarks[:, 2] * SAMPLES
        front = np.full(len(depth), -np.inf, np.float32)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                front = np.maximum(front, fragments.depth[y + dy, x + dx])
        unit = camera.scale * SAMPLES
        allowed = np.where(np.arange(len(depth)) < FIRST_IRIS, HIDDEN_CM, HIDDEN_IRIS_CM)
        seen = inside & (depth <= front + allowed * unit)
        normals = vertex_normals(turned, self._welded)[self.head.weld]
        corners = normals[self.head.landmark_faces]
        toward = np.einsum("nk,nkd->nd", self.head.landmark_bary, corners)[:, 2]
        seen &= toward < 0.1
        if hair is not None:
            seen &= hair[y, x] >= depth - 0.1 * unit
        return np.asarray(seen)

    def _parts_of_skin(self) -> ImageArray:
        out = np.full(self.unwrap.scalp.shape, SKIN, np.uint8)
        out[self.unwrap.neck > 0.5] = NECK
        out[self.unwrap.brows > 0.5] = BROW
        return out


def gaze_of(head: HeadModel, weights: FloatArray) -> FloatArray:
    """Return (2, 2) radians, [right, left] x [pitch, yaw], that the eyeLook weights turn eyes."""
    turns = head.eye_rotations(weights)[::-1]
    pitch = np.arctan2(-turns[:, 1, 2], turns[:, 1, 1])
    yaw = np.arctan2(-turns[:, 2, 0], turns[:, 0, 0])
    return np.stack([pitch, yaw], axis=1).astype(np.float32)

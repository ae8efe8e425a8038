"""The topology of our head: which charts it has, how dense each is, its parts, atlas and mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from talkgen.face.head import PARTS
from talkgen.training.head_mesh import Chart, Mesher, Patch, make_charts
from talkgen.training.head_source import Source
from talkgen.training.head_teeth import AROUND, polar_faces, tooth_patch
from talkgen.training.head_triangles import inside_loops

Array = NDArray[Any]

EYE_LOOPS, MOUTH_LOOPS = (2, 4, 6, 8), (4, 6, 7, 8, 10)
"""Edge loops of the source around lids and lips that ours follow, counted from inside."""

EYE_SECTORS, EYE_RINGS = 24, 12
EYE_CAP = np.deg2rad(125.0)
"""The eyeball is a sphere open at the back, this far from the pole that looks forward."""

Rect = tuple[float, float, float, float]
ATLAS: dict[str, Rect] = {
    "face": (0.0, 0.0, 1.0, 0.80),
    "back": (0.24, 0.81, 0.76, 0.99),
    "sock": (0.11, 0.81, 0.23, 0.90),
    "gums_upper": (0.11, 0.91, 0.17, 0.99),
    "gums_lower": (0.17, 0.91, 0.23, 0.99),
    "tongue": (0.06, 0.91, 0.105, 0.99),
    "socket": (0.06, 0.82, 0.10, 0.86),
    "palate": (0.06, 0.865, 0.10, 0.905),
    "eyeball": (0.005, 0.81, 0.055, 0.86),
    "teeth": (0.005, 0.87, 0.055, 0.99),
}
"""Where things lie in texture space, u0 v0 u1 v1 (v down); all but face and back on the left half
are doubled by u -> 1 - u."""


@dataclass
class Topology:
    """Own vertices on source vertices (ids, weights: (V, 3)) and what joins them.

    The first half of the vertices is the left side with the mirror plane, the rest mirrored.
    Eyeball vertices hold a direction from the eye centre instead: `sphere` (V, 3), zero elsewhere.
    """

    ids: Array
    weights: Array
    sphere: Array
    uv: Array
    faces: Array
    part: Array
    mirror: Array
    num_left: int


def spacing(source: Source) -> Array:
    """Return the wanted edge length (N,) in cm at every source vertex."""
    p = source.vertices
    lips = np.concatenate(source.ring("lips") + source.ring("lips_outer"))
    lid = np.concatenate(source.ring("lid"))
    nostrils = source.landmarks[31:36]
    brows = source.landmarks[22:27]
    out = np.full(len(p), 9.0)
    for targets, least, radius, growth in (
        (lips, 0.175, 0.2, 0.2),
        (lid, 0.13, 0.12, 0.25),
        (nostrils, 0.24, 0.7, 0.2),
        (brows, 0.42, 0.8, 0.15),
        (source.landmarks[27:31], 0.4, 0.8, 0.2),
    ):
        distance = cKDTree(p[targets]).query(p)[0]
        out = np.minimum(out, least + growth * np.maximum(distance - radius, 0))
    out = np.minimum(out, 0.72 + 0.13 * np.maximum(p[:, 2] + 5.0, 0))
    inside = np.unique(source.triangles[source.material == "M_GumsTongue"])
    out[inside] = 0.4 + 0.1 * np.maximum(p[inside, 2] + 8, 0)  # coarse toward the throat
    bags = np.setdiff1d(  # what hides behind lips and lids, but for the rims
        np.unique(source.triangles[source.material == "M_BackHead"]),
        np.unique(source.triangles[source.material == "M_Face"]),
    )
    bags = bags[(np.abs(p[bags, 0]) < 4.6) & (p[bags, 1] < 6) & (p[bags, 2] < -0.7)]
    bags = bags[(p[bags, 1] > 0.5) | (p[bags, 1] > -5) & (p[bags, 2] < -6.4)]
    out[bags] = np.maximum(out[bags], 0.7)
    ears = (np.abs(p[:, 0]) > 7.0) & (np.abs(p[:, 1] + 0.8) < 4) & (p[:, 2] > -3) & (p[:, 2] < 4)
    out[ears] = np.minimum(out[ears], 0.55)
    neck = p[:, 1] > 9
    out[neck] = np.clip(out[neck], 1.0, 2.2)
    return np.clip(out, 0.1, 1.9 + 0.6 * neck)


def left_charts(source: Source) -> list[tuple[str, str, Chart]]:
    """Return (part, atlas place, chart) of the left half without eyeballs."""
    x = source.vertices[:, 0]
    corners = x[source.triangles]
    half = (corners > -1e-6).all(axis=1) & (corners > 1e-6).any(axis=1)
    charts = make_charts(
        source.triangles[half], source.uv_triangles[half], source.uv,
        np.flatnonzero(half), by=source.material[half],
    )  # fmt: skip
    out = []
    for chart in charts:
        material = source.material[chart.label[0]]
        p = source.vertices[chart.vertex]
        low, high = p.min(axis=0), p.max(axis=0)
        if material == "M_Teeth":
            out.append(("teeth_upper" if low[1] < 2.5 else "teeth_lower", "teeth", chart))
        elif material == "M_Face":
            out.append(("skin", "face", chart))
        elif material == "M_GumsTongue":
            out.append((*_inside_mouth(low, high), chart))
        elif len(chart.triangles) > 1500 and high[1] > 10:
            out.append(("skin", "back", chart))
        elif high[1] < 0:
            out.append(("mouth_wall", "socket", chart))
        else:
            out.append(("mouth_wall", "sock", chart))
    return out


def _inside_mouth(low: Array, high: Array) -> tuple[str, str]:
    """Return part and place of a piece of ICT's gums-and-tongue mesh by its bounding box."""
    if high[2] > -4.0 and low[1] < 2.6:  # palate, throat, uvula, the fold behind the teeth
        return "mouth_wall", "palate"
    if high[1] < 3.0:
        return "gums_upper", "gums_upper"
    if high[0] < 2.1:
        return "tongue", "tongue"
    return "gums_lower", "gums_lower"


def lip_outline(source: Source, chart: Chart) -> Array:
    """Return the outer edge of the lips' left half as a polygon (n, 2) in the face's plane."""
    local = {int(v): i for i, v in enumerate(chart.vertex)}
    upper, lower = (ring[len(ring) // 2 :] for ring in source.ring("lips_outer"))
    return chart.plane[[local[int(v)] for v in [*upper, *lower[::-1]]]]


def build_topology(source: Source, *, seed: int = 0) -> Topology:
    """Return the topology of the whole head."""
    p = source.vertices
    open_mouth = p + 0.35 * source.expression[17]
    metric = np.concatenate([p, (open_mouth - p)], axis=1)
    on_plane = np.abs(p[:, 0]) < 1e-6
    ends = [int(v) for level in MOUTH_LOOPS for v in source.loop("mouth", level)]
    ends += [int(v) for ring in source.ring("lips_outer") for v in ring]
    stops = frozenset(v for v in ends if on_plane[v])
    mesher = Mesher(p, metric, spacing(source), on_plane, seed=seed, stops=stops)
    charts = left_charts(source)
    teeth = [c for c in charts if c[1] == "teeth"]
    charts = [c for c in charts if c[1] != "teeth"]
    owners: dict[tuple[int, int], list[int]] = {}
    for number, (_, _, chart) in enumerate(charts):
        for loop in chart.loops:
            for a, b in zip(loop, loop[1:] + loop[:1], strict=True):
                edge = (int(chart.vertex[a]), int(chart.vertex[b]))
                owners.setdefault((min(edge), max(edge)), []).append(number)

    def neighbours(a: int, b: int) -> frozenset[int]:
        mine = owners[min(a, b), max(a, b)]
        seam = {-2} if len(set(mine)) < len(mine) else set()  # a cut inside one chart
        return frozenset({*mine, *seam, *({-1} if on_plane[a] and on_plane[b] else ())})

    mesher.refine_borders([chart for _, _, chart in charts], neighbours)
    patches = []
    boxes = _boxes(charts)
    for number, (part, place, chart) in enumerate(charts):
        guides = _guides(source, chart) if place == "face" else []
        patch = mesher.patch(chart, neighbours, guides=guides)
        uv = _into_atlas(patch.plane, boxes[number], whole=place in ("face", "back"))
        kind = np.full(len(patch.faces), PARTS.index(part))
        if place == "face":
            middle = patch.plane[patch.faces].mean(axis=1)
            lips = inside_loops(middle, [lip_outline(source, chart)])
            kind[lips] = PARTS.index("lips")
        patches.append((patch, uv, kind))
    patches += _teeth(source, teeth)
    return _assemble(source, patches)


def _teeth(
    source: Source, charts: list[tuple[str, str, Chart]]
) -> list[tuple[Patch, Array, Array]]:
    """Return patch, uv and part numbers of the crowns of one side."""
    out = []
    u0, v0, u1, v1 = ATLAS["teeth"]
    for row, part in enumerate(("teeth_upper", "teeth_lower")):
        mine = [c for p, _, c in charts if p == part]
        mine.sort(key=lambda c: float(source.vertices[c.vertex][:, 2].mean()))  # front first
        for column, chart in enumerate(mine[: len(AROUND)]):
            patch = tooth_patch(
                source.vertices, chart.vertex[chart.triangles],
                upper=part == "teeth_upper", number=column,
            )  # fmt: skip
            cell = np.array([(u1 - u0) / 3, (v1 - v0) / 4])
            corner = np.array([u0, v0]) + cell * [column % 3, 2 * row + column // 3]
            uv = corner + cell * (0.03 + 0.94 * patch.plane)
            out.append((patch, uv, np.full(len(patch.faces), PARTS.index(part))))
    return out


def _guides(source: Source, chart: Chart) -> list[list[int]]:
    """Return edge loops around the left eye and the mouth as paths of chart vertices."""
    local = {int(v): i for i, v in enumerate(chart.vertex)}
    loops = [source.loop("eye", level) for level in EYE_LOOPS]
    loops += [source.loop("mouth", level) for level in MOUTH_LOOPS]
    loops += [ring[len(ring) // 2 :] for ring in source.ring("lips_outer")]
    return [[local[int(v)] for v in loop] for loop in loops]


def _boxes(charts: list[tuple[str, str, Chart]]) -> list[tuple[Rect, Rect]]:
    """Return for each chart its own texture box and the box it goes to."""
    out: list[tuple[Rect, Rect]] = []
    groups: dict[str, list[int]] = {}
    for number, (_, place, _) in enumerate(charts):
        groups.setdefault(place, []).append(number)
    for number, (_, place, chart) in enumerate(charts):
        low, high = chart.plane.min(axis=0), chart.plane.max(axis=0)
        own = (low[0], low[1], high[0], high[1])
        u0, v0, u1, v1 = ATLAS[place]
        mates = groups[place]
        columns = int(np.ceil(np.sqrt(len(mates)))) if place != "teeth" else 3
        rows = int(np.ceil(len(mates) / columns))
        i, j = divmod(mates.index(number), columns)
        du, dv = (u1 - u0) / columns, (v1 - v0) / rows
        cell = (u0 + j * du, v0 + i * dv, u0 + (j + 0.94) * du, v0 + (i + 0.94) * dv)
        out.append((own, ATLAS[place] if len(mates) == 1 else cell))
    return out


def _into_atlas(plane: Array, boxes: tuple[Rect, Rect], *, whole: bool) -> Array:
    """Return texture coordinates, v down; `whole`: the chart's box is its left half only, whose
    edge at the mirror plane comes to lie at u = 1/2."""
    (a0, b0, a1, b1), (u0, v0, u1, v1) = boxes
    t = (plane - [a0, b0]) / [a1 - a0, b1 - b0]
    if whole:
        u0 = 0.5
    return np.stack([u0 + t[:, 0] * (u1 - u0), v1 - t[:, 1] * (v1 - v0)], axis=1)


def _eyeball() -> tuple[Array, Array, Array]:
    """Return directions (n, 3), uv (n, 2) and outward triangles of the left eyeball."""
    polar = EYE_CAP * (np.arange(1, EYE_RINGS + 1) / EYE_RINGS) ** 1.15
    angle = 2 * np.pi * np.arange(EYE_SECTORS) / EYE_SECTORS
    s, c = np.sin(polar)[:, None], np.cos(polar)[:, None]
    rings = np.stack([s * np.cos(angle), s * np.sin(angle), -c + 0 * angle], axis=-1)
    direction = np.concatenate([[[0, 0, -1.0]], rings.reshape(-1, 3)])
    radius = (polar / EYE_CAP)[:, None]
    disc = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    disc = np.concatenate([[[0.0, 0.0]], disc.reshape(-1, 2)])
    u0, v0, u1, v1 = ATLAS["eyeball"]
    uv = np.array([u0 + u1, v0 + v1]) / 2 + disc * [(u1 - u0) / 2, (v1 - v0) / 2]
    return direction, uv, polar_faces(EYE_SECTORS, EYE_RINGS)


def _assemble(source: Source, patches: list[tuple[Patch, Array, Array]]) -> Topology:
    """Return left half and mirrored half as one; vertices on the mirror plane are shared."""
    ids = np.concatenate([p.ids for p, _, _ in patches])
    weights = np.concatenate([p.weights for p, _, _ in patches])
    uv = np.concatenate([u for _, u, _ in patches])
    offsets = np.cumsum([0] + [len(p.ids) for p, _, _ in patches])
    faces = np.concatenate([p.faces + o for (p, _, _), o in zip(patches, offsets, strict=False)])
    part = np.concatenate([k for _, _, k in patches])
    direction, eye_uv, eye_faces = _eyeball()
    start, n = len(ids), len(direction)
    ids = np.concatenate([ids, np.repeat(source.eyeball[:1], n)[:, None].repeat(3, axis=1)])
    weights = np.concatenate([weights, np.tile([[1.0, 0, 0]], (n, 1))])
    sphere = np.concatenate([np.zeros((start, 3)), direction])
    uv = np.concatenate([uv, eye_uv])
    faces = np.concatenate([faces, eye_faces + start])
    part = np.concatenate([part, np.full(len(eye_faces), PARTS.index("eyeball_left"))])

    where = np.einsum("nk,nkd->nd", weights, source.vertices[ids])
    shared = (np.abs(where[:, 0]) < 1e-7) & (np.abs(sphere).sum(axis=1) == 0)
    shared &= np.abs(uv[:, 0] - 0.5) < 1e-6  # seams of doubled charts keep two vertices
    left = len(ids)
    other = np.arange(left)
    other[~shared] = left + np.arange((~shared).sum())
    mirrored = ~shared
    part_right = part.copy()
    part_right[part == PARTS.index("eyeball_left")] = PARTS.index("eyeball_right")
    faces_right = other[faces][:, ::-1]
    mirror = np.concatenate([other, np.flatnonzero(mirrored)])
    return Topology(
        ids=np.concatenate([ids, source.mirror[ids[mirrored]]]),
        weights=np.concatenate([weights, weights[mirrored]]),
        sphere=np.concatenate([sphere, sphere[mirrored] * [-1, 1, 1]]),
        uv=np.concatenate([uv, uv[mirrored] * [-1, 1] + [1, 0]]),
        faces=np.concatenate([faces, faces_right]),
        part=np.concatenate([part, part_right]),
        mirror=mirror,
        num_left=left,
    )

"""Colours of what the rasteriser found: skin, eyes, mouth and cloth under lights, and hair over it.

Kernels work a band of rows at a time. Light is added up linearly and its square root multiplies
the colours, which are the photographs' (gamma 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkgen.raster.bands import over_rows
from talkgen.raster.compiled import kernel
from talkgen.raster.fragments import Fragments
from talkgen.types import FloatArray

PART_NAMES = (
    "background", "skin", "lips", "mouth", "teeth", "tongue", "eye", "iris", "brow", "hair",
    "neck", "clothes",
)  # fmt: skip
"""What a pixel shows; `RenderedHead.parts` holds indices into this."""

(BACKGROUND, SKIN, LIPS, MOUTH, TEETH, TONGUE, EYE, IRIS, BROW, HAIR, NECK, CLOTHES) = range(12)

CLOTH = 10
"""Material of clothes; below it the materials are `talkgen.face.head.PARTS`."""

IRIS_EDGE = 0.454
"""Radius of the iris over that of the eyeball."""

CHANNELS = 7
"""Vertex attributes: normal (3), place on the surface (2), depth or side, share of the key light.

The place is uv on skin, the eyeball's own x and y over its radius (depth: z), and centimetres of
the torso on cloth. Inside the mouth the third is centimetres behind the lips.
"""


@dataclass(frozen=True, eq=False)
class Lights:
    """ambient : (4, 3) constant and x, y, z terms; directions : (L, 3) towards each light;
    colors : (L, 3). The first light casts shadows."""

    ambient: FloatArray
    directions: FloatArray
    colors: FloatArray


@dataclass(frozen=True, eq=False)
class Paint:
    """Colours of one person's surfaces.

    texture : (T, T, 3) uint8; scalp : (T, T) float32 share of `scalp_color`; parts : (T, T) uint8
    eye : (E, E, 3) float32, the front of the eyeball; colors : (11, 3) float32 by material
    gloss : (11, 2) float32, strength and exponent of the highlight by material
    cloth : (8,) float32, pattern, its pitch in cm, second colour (3,), third colour (3,)
    """

    texture: Any
    scalp: FloatArray
    scalp_color: FloatArray
    parts: Any
    eye: FloatArray
    colors: FloatArray
    gloss: FloatArray
    cloth: FloatArray


@kernel
def _light(nx, ny, nz, lit, ambient, directions, colors, wrap, gloss, power, out):  # type: ignore[no-untyped-def]
    """Write diffuse light (3) and highlight (3) to out (6)."""
    for k in range(3):
        value = (
            ambient[0, k] + nx * ambient[1, k] + ny * ambient[2, k] + nz * ambient[3, k]
        )
        out[k] = max(value, np.float32(0.02))
        out[3 + k] = 0.0
    for i in range(directions.shape[0]):
        lx, ly, lz = directions[i, 0], directions[i, 1], directions[i, 2]
        cosine = (nx * lx + ny * ly + nz * lz + wrap) / (np.float32(1.0) + wrap)
        share = lit if i == 0 else np.float32(1.0)
        if cosine > 0.0:
            hx, hy, hz = lx, ly, lz - np.float32(1.0)
            length = np.sqrt(hx * hx + hy * hy + hz * hz) + np.float32(1e-6)
            half = (nx * hx + ny * hy + nz * hz) / length
            shine = np.float32(0.0)
            if half > 0.0 and gloss > 0.0:
                shine = gloss * half**power
            for k in range(3):
                out[k] += cosine * share * colors[i, k]
                out[3 + k] += shine * share * colors[i, k]


@kernel
def _texel(texture, u, v, out):  # type: ignore[no-untyped-def]
    side = texture.shape[0]
    x = min(max(u * side - np.float32(0.5), np.float32(0.0)), np.float32(side - 1.001))
    y = min(max(v * side - np.float32(0.5), np.float32(0.0)), np.float32(side - 1.001))
    ix, iy = int(x), int(y)
    fx, fy = x - ix, y - iy
    for k in range(3):
        top = texture[iy, ix, k] * (1 - fx) + texture[iy, ix + 1, k] * fx
        low = texture[iy + 1, ix, k] * (1 - fx) + texture[iy + 1, ix + 1, k] * fx
        out[k] = top * (1 - fy) + low * fy


@kernel
def _shade(  # type: ignore[no-untyped-def] # noqa: PLR0912, PLR0915
    triangle, weights, faces, values, material, texture, scalp, scalp_color, part_map, eye,
    colors, gloss, cloth, ambient, directions, light_colors, first, last, out, parts, normals,
):  # fmt: skip
    light = np.zeros(6, np.float32)
    color = np.zeros(3, np.float32)
    one = np.float32(1.0)
    for y in range(first, last):
        for x in range(triangle.shape[1]):
            f = triangle[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            v, w = weights[y, x, 0], weights[y, x, 1]
            u = one - v - w
            nx = u * values[a, 0] + v * values[b, 0] + w * values[c, 0]
            ny = u * values[a, 1] + v * values[b, 1] + w * values[c, 1]
            nz = u * values[a, 2] + v * values[b, 2] + w * values[c, 2]
            s = u * values[a, 3] + v * values[b, 3] + w * values[c, 3]
            t = u * values[a, 4] + v * values[b, 4] + w * values[c, 4]
            d = u * values[a, 5] + v * values[b, 5] + w * values[c, 5]
            lit = u * values[a, 6] + v * values[b, 6] + w * values[c, 6]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-9)
            nx, ny, nz = nx / length, ny / length, nz / length
            kind = material[f]
            if kind >= 4 and nz > 0.0:
                nx, ny, nz = -nx, -ny, -nz
            normals[y, x, 0], normals[y, x, 1], normals[y, x, 2] = nx, ny, nz
            dim = one
            wrap = np.float32(0.25)
            if kind <= 1:
                _texel(texture, s, t, color)
                ix = min(max(int(s * scalp.shape[0]), 0), scalp.shape[0] - 1)
                iy = min(max(int(t * scalp.shape[0]), 0), scalp.shape[0] - 1)
                share = scalp[iy, ix]
                for k in range(3):
                    color[k] += share * (scalp_color[k] - color[k])
                parts[y, x] = 2 if kind == 1 else part_map[iy, ix]
                dim = d
            elif kind <= 3:
                if d < 0.0:
                    _texel(eye, np.float32(0.5) + np.float32(0.5) * s,
                           np.float32(0.5) + np.float32(0.5) * t, color)  # fmt: skip
                else:
                    for k in range(3):
                        color[k] = colors[kind, k]
                if d < 0.0 and s * s + t * t < 0.206:
                    parts[y, x] = 7
                    # The cornea bulges, which is why eyes glint.
                    nx, ny = nx + np.float32(0.9) * s, ny + np.float32(0.9) * t
                    length = np.sqrt(nx * nx + ny * ny + nz * nz)
                    nx, ny, nz = nx / length, ny / length, nz / length
                else:
                    parts[y, x] = 6
                wrap = np.float32(0.4)
            elif kind == 10:
                pattern, pitch = int(cloth[0]), cloth[1]
                which = 0
                down, across = (t / pitch) % one, (s / pitch) % one
                if (pattern == 1 and down < 0.5) or (pattern == 2 and min(down, across) < 0.2):
                    which = 1
                elif pattern == 3 and d < 0.0 and abs(s) < (t - np.float32(8.0)) * -0.35 + 8.0:
                    which = 2 if abs(s) < 1.9 and t > 12.5 else 1
                for k in range(3):
                    if which == 0:
                        color[k] = colors[10, k]
                    else:
                        color[k] = cloth[2 + k] if which == 1 else cloth[5 + k]
                parts[y, x] = 11
                fold = np.sin(s * np.float32(0.9) + np.float32(1.7) * np.sin(t * np.float32(0.35)))
                dim = one + np.float32(0.07) * fold
            else:
                for k in range(3):
                    color[k] = colors[kind, k]
                rate = np.float32(0.30) if kind == 8 else np.float32(0.42)
                dim = np.exp(-rate * max(d, np.float32(0.0)))
                parts[y, x] = 4 if kind <= 5 else (5 if kind == 8 else 3)
                wrap = np.float32(0.6)
            _light(nx, ny, nz, lit, ambient, directions, light_colors, wrap,
                   gloss[kind, 0], gloss[kind, 1], light)  # fmt: skip
            for k in range(3):
                glow = np.float32(255.0) * light[3 + k]
                out[y, x, k] = (color[k] * np.sqrt(light[k]) + glow) * dim


@kernel
def _hair(  # type: ignore[no-untyped-def]
    triangle, weights, depth, faces, values, behind, strands, color, fray, gloss, is_cloth,
    ambient, directions, light_colors, first, last, out, parts,
):  # fmt: skip
    light = np.zeros(6, np.float32)
    one = np.float32(1.0)
    side = strands.shape[0]
    for y in range(first, last):
        for x in range(triangle.shape[1]):
            f = triangle[y, x]
            if f < 0 or depth[y, x] >= behind[y, x]:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            v, w = weights[y, x, 0], weights[y, x, 1]
            u = one - v - w
            cover = u * values[a, 5] + v * values[b, 5] + w * values[c, 5]
            s = u * values[a, 3] + v * values[b, 3] + w * values[c, 3]
            t = u * values[a, 4] + v * values[b, 4] + w * values[c, 4]
            ix = int(s * side) % side
            iy = int(t * side) % side
            strand = strands[iy, ix, 0]
            alpha = np.float32(0.5) + cover * np.float32(2.2) / (np.float32(0.4) + fray)
            alpha += (strands[iy, ix, 1] - np.float32(0.5)) * fray * np.float32(2.2)
            if alpha <= 0.02:
                continue
            alpha = min(alpha, one)
            nx = u * values[a, 0] + v * values[b, 0] + w * values[c, 0]
            ny = u * values[a, 1] + v * values[b, 1] + w * values[c, 1]
            nz = u * values[a, 2] + v * values[b, 2] + w * values[c, 2]
            lit = u * values[a, 6] + v * values[b, 6] + w * values[c, 6]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-9)
            nx, ny, nz = nx / length, ny / length, nz / length
            inner = one
            if nz > 0.0:
                nx, ny, nz = -nx, -ny, -nz
                inner = np.float32(0.55)
            bump = (strand - np.float32(0.5)) * np.float32(0.9)
            nx = nx + bump
            _light(nx, ny, nz, lit, ambient, directions, light_colors, np.float32(0.5),
                   gloss * strand, np.float32(14.0), light)  # fmt: skip
            tone = one if is_cloth else np.float32(0.65) + np.float32(0.7) * strand
            for k in range(3):
                value = color[k] * tone * inner * np.sqrt(light[k])
                value += np.float32(120.0) * light[3 + k] * inner
                out[y, x, k] += alpha * (value - out[y, x, k])
            if alpha > 0.5:
                parts[y, x] = 11 if is_cloth else 9


def shade(
    fragments: Fragments, faces: Any, values: FloatArray, material: Any, paint: Paint,
    lights: Lights, out: FloatArray, parts: Any, normals: FloatArray, threads: int = 1,
) -> None:  # fmt: skip
    """Write the drawn pixels of `out` (H, W, 3), `parts` (H, W) and `normals` (H, W, 3)."""

    def band(first: int, last: int) -> None:
        _shade(
            fragments.triangle, fragments.weights, faces, values, material, paint.texture,
            paint.scalp, paint.scalp_color, paint.parts, paint.eye, paint.colors, paint.gloss,
            paint.cloth, lights.ambient, lights.directions, lights.colors, first, last, out,
            parts, normals,
        )  # fmt: skip

    over_rows(band, out.shape[0], threads)


def shade_hair(
    fragments: Fragments, faces: Any, values: FloatArray, behind: FloatArray,
    strands: FloatArray, color: FloatArray, fray: float, gloss: float, is_cloth: bool,
    lights: Lights, out: FloatArray, parts: Any, threads: int = 1,
) -> None:  # fmt: skip
    """Blend hair over `out` where it lies before `behind` (H, W), the depth of all else."""

    def band(first: int, last: int) -> None:
        _hair(
            fragments.triangle, fragments.weights, fragments.depth, faces, values, behind,
            strands, color, np.float32(fray), np.float32(gloss), is_cloth, lights.ambient,
            lights.directions, lights.colors, first, last, out, parts,
        )  # fmt: skip

    over_rows(band, out.shape[0], threads)


@kernel
def _normals(points, faces, out):  # type: ignore[no-untyped-def]
    for v in range(out.shape[0]):
        out[v, 0] = out[v, 1] = out[v, 2] = 0.0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
        uz = points[b, 2] - points[a, 2]
        wx, wy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
        wz = points[c, 2] - points[a, 2]
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-9
        for k in range(3):
            out[v, k] /= length


def vertex_normals(points: FloatArray, faces: Any) -> FloatArray:
    """Return unit normals (V, 3) that point out of the surface, `faces` over welded vertices."""
    out = np.empty((len(points), 3), np.float32)
    _normals(np.ascontiguousarray(points, np.float32), faces, out)
    return out

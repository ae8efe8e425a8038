"""Small masks become large ones whose edges follow the picture: the fast guided filter.

Within a small window a mask is taken for a linear function of the picture's colours (He, Sun and
Tang 2010). The function is found at the mask's own size and used at the picture's (He and Sun
2015). The functions of masks that sum to 1 sum to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkgen.types import FloatArray, ImageArray


def guided_fields(
    guide: ImageArray, masks: FloatArray, *, radius: int = 2, eps: float = 1e-4
) -> FloatArray:
    """Return the linear functions of masks (K, h, w) of a picture (h, w, 3): (K, h, w, 4) float32.

    The last axis holds the weights of red, green and blue (from 0 to 1), and the constant.
    radius : pixels; eps : variance of colours below which no edge is followed
    """
    picture = guide.astype(np.float32) / 255
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: FloatArray) -> FloatArray:
        out = cv2.blur(values, size, borderType=cv2.BORDER_REFLECT)
        return np.asarray(out.reshape(values.shape), np.float32)

    centre = mean(picture)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    products = np.stack([picture[..., i] * picture[..., j] for i, j in pairs], axis=2)
    means = np.concatenate([mean(products[..., :3]), mean(products[..., 3:])], axis=2)
    r, g, b = centre[..., 0], centre[..., 1], centre[..., 2]
    rr, rg, rb = means[..., 0] - r * r + eps, means[..., 1] - r * g, means[..., 2] - r * b
    gg, gb, bb = means[..., 3] - g * g + eps, means[..., 4] - g * b, means[..., 5] - b * b + eps
    # The inverse of the symmetric 3 x 3 covariance, written out.
    i_rr, i_rg, i_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    i_gg, i_gb, i_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    one = 1 / (rr * i_rr + rg * i_rg + rb * i_rb)
    fields = np.empty((*masks.shape, 4), np.float32)
    for mask, field in zip(masks, fields, strict=True):
        level = mean(mask)
        with_colour = mean(picture * mask[..., None])
        cr, cg, cb = (with_colour[..., k] - centre[..., k] * level for k in range(3))
        field[..., 0] = (i_rr * cr + i_rg * cg + i_rb * cb) * one
        field[..., 1] = (i_rg * cr + i_gg * cg + i_gb * cb) * one
        field[..., 2] = (i_rb * cr + i_gb * cg + i_bb * cb) * one
        field[..., 3] = level - (field[..., :3] * centre).sum(2)
        field[:] = mean(field)
    return fields


def apply_field(field: FloatArray, picture: FloatArray) -> FloatArray:
    """Return the mask (H, W) that a linear function (H, W, 4) makes of a picture.

    picture : (H, W, 4) float32, red, green and blue from 0 to 1, and ones (see `with_ones`)
    """
    total = cv2.transform(cv2.multiply(field, picture), np.ones((1, 4), np.float32))
    return np.asarray(total.reshape(field.shape[:2]), np.float32)


def with_ones(image: ImageArray) -> FloatArray:
    """Return (H, W, 4) float32 colours from 0 to 1 and ones of an (H, W, 3) uint8 picture."""
    out = np.empty((*image.shape[:2], 4), np.float32)
    np.multiply(image, np.float32(1 / 255), out=out[..., :3])
    out[..., 3] = 1
    return out

"""Pictures that stand in the page itself: nothing is written, served or fetched for them."""

from __future__ import annotations

import base64

import cv2

from talkgen.types import ImageArray

QUALITY = 90


def data_url(image: ImageArray) -> str:
    """Return a picture (H, W, 3) uint8 RGB as the address of itself, a JPEG."""
    _, coded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode('ascii')}"

"""Landmarks (MediaPipe order) that outline the parts of a face."""

SIDES = ("left", "right")
"""The subject's."""

UPPER_LID = {
    "right": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "left": (263, 466, 388, 387, 386, 385, 384, 398, 362),
}
LOWER_LID = {
    "right": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "left": (263, 249, 390, 373, 374, 380, 381, 382, 362),
}
"""Landmarks along the lid margins, outer to inner corner, by the subject's side."""

IRIS = {"right": (468, 469, 470, 471, 472), "left": (473, 474, 475, 476, 477)}
"""Landmark of the iris centre, then its right, top, left and bottom."""

SECOND_LID = {
    "right": (247, 30, 29, 27, 28, 56, 190),
    "left": (467, 260, 259, 257, 258, 286, 414),
}
"""Landmarks on the skin just above the upper lid."""

LID_ANCHORS = {
    "right": (70, 63, 105, 66, 107, 226, 243, 228, 229, 230, 231, 232, 193, 143, 111, 118, 119),
    "left": (300, 293, 334, 296, 336, 446, 463, 448, 449, 450, 451, 452, 417, 372, 340, 347, 348),
}
"""Landmarks that stay where they are when the lid closes."""

INNER_LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
"""Along the inner edge of the lips, from one corner over the upper lip and back."""

OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
"""Along the outer edge, opposite to each of `INNER_LIPS`."""

UPPER_INNER = INNER_LIPS[:11]
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Along the inner edges of the upper and the lower lip, from the same corner."""

CHEEKS = (50, 205, 280, 425, 101, 330)
LIPS = (11, 12, 15, 16, 72, 302, 85, 315, 38, 268, 86, 316)
"""Well inside the cheeks, and well inside the red of the lips."""

NOSTRILS = (97, 98, 326, 327, 2, 60, 290)
"""About the nostrils."""

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Along the outline of the face, from the forehead clockwise."""

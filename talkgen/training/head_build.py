"""Build the head: source, topology, shapes, landmarks learned from real faces, checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen import modeling
from talkgen.face.fit import fit_face
from talkgen.face.head import LEFT_CHANNELS, MIDDLE_CHANNELS, HeadConfig, HeadModel, quantize
from talkgen.training.head_bases import (
    carry,
    eye_rows,
    geometry,
    identity_modes,
    mend_expressions,
    weld,
)
from talkgen.training.head_faces import read_faces
from talkgen.training.head_landmarks import first_embedding, learn_embedding, mirror_landmarks
from talkgen.training.head_source import load_source
from talkgen.training.head_topology import build_topology

Array = NDArray[Any]

NUM_IDENTITY = 50
TEACHING_FACES = ("london", "canada")
"""Sharp frontal portraits, from which the places of the landmarks are learned."""


def build_head(data: Path, out: Path, *, faces: Path | None, rounds: int, seed: int = 0) -> None:
    """Write the checkpoint of a head built from `data` to the folder `out`."""
    source = load_source(data / "assets" / "ict_facekit.npz")
    mend_expressions(source)
    topology = build_topology(source, seed=seed)
    vertices = geometry(source, topology)
    modes, _ = identity_modes(source, topology, NUM_IDENTITY, vertices)
    expression = carry(topology, source.expression)
    for side in (1, -1):  # eyeballs are turned by the program
        expression[:, eye_rows(topology, side)] = 0
    left = topology.num_left
    arrays: dict[str, Array] = {
        "vertices": vertices[:left].astype(np.float32),
        "uv": topology.uv[:left].astype(np.float32),
        "faces": topology.faces.astype(np.int32),
        "part": topology.part.astype(np.uint8),
        "mirror": topology.mirror.astype(np.int32),
        "weld": weld(vertices, topology).astype(np.int32),
        "landmark_faces": np.zeros((478, 3), np.int32),
        "landmark_bary": np.zeros((478, 3), np.float32),
        "landmark_weight": np.zeros(478, np.float32),
    }
    arrays["identity"], arrays["identity_step"] = quantize(modes[:, :left])
    arrays["expression_left"], arrays["expression_left_step"] = quantize(
        expression[list(LEFT_CHANNELS)]
    )
    arrays["expression_both"], arrays["expression_both_step"] = quantize(
        expression[list(MIDDLE_CHANNELS)][:, :left]
    )
    config = HeadConfig(num_identity=NUM_IDENTITY)
    head = HeadModel(config, arrays)
    landmarks = np.concatenate([read_faces(data, name, faces)[0] for name in TEACHING_FACES])
    pair = mirror_landmarks(landmarks)
    first_embedding(source, topology, head).put(head)
    for round_ in range(rounds):
        some = landmarks[:: 3 if round_ < rounds - 1 else 1]
        fits = [fit_face(head, points) for points in some]
        print(f"round {round_}: error {np.mean([f.error for f in fits]):.2f} %", flush=True)
        learn_embedding(source, topology, head, some, fits, pair).put(head)
    save(head, arrays, out)
    fits = [fit_face(head, points) for points in landmarks]
    print(f"end: error {np.mean([f.error for f in fits]):.2f} %", flush=True)


def save(head: HeadModel, arrays: dict[str, Array], out: Path) -> None:
    """Write `config.json` and `model.safetensors`."""
    from safetensors.numpy import save_file

    arrays |= {
        "landmark_faces": head.landmark_faces,
        "landmark_bary": head.landmark_bary,
        "landmark_weight": head.landmark_weight,
    }
    modeling.save_config(out, head.config, "HeadModel")
    partial = out / "model.safetensors.part"
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, partial)
    os.replace(partial, out / "model.safetensors")

"""Whether the person in the clip is the person in the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talkgen.critic.report import score
from talkgen.critic.watch import Look, Watched
from talkgen.face.identity import IdentityEmbedder, unit
from talkgen.types import Emotion, Face, FloatArray, ImageArray, Report

EVERY = 5
"""Every n-th frame is embedded."""
LOWEST = 0.1
"""Share of the frames that `csim_worst` is the mean of."""


class IdentityCritic:
    """Scores `identity`.

    embedder : turns faces into vectors; name : said in the report, since cosines of two embedders
        do not compare
    source : (D,) embedding of the picture that the clip was made of, if it is known
    """

    fills = ("identity",)

    def __init__(
        self,
        embedder: IdentityEmbedder,
        name: str = "embedded",
        *,
        source: FloatArray | None = None,
    ) -> None:
        self.embedder = embedder
        self.name = name
        self.source = source

    @classmethod
    def from_pretrained(cls) -> IdentityCritic:
        """Return the critic with SFace where the user has its file, else with the shipped network,
        which the generator uses too: its cosines flatter."""
        from talkgen.errors import MissingDependencyError

        try:
            return cls(IdentityEmbedder.from_pretrained("sface"), "sface")
        except MissingDependencyError:
            return cls(IdentityEmbedder.from_pretrained("embedded"), "embedded")

    def of(self, image: ImageArray, face: Face) -> IdentityCritic:
        """Return the critic that compares with the person of this picture."""
        return IdentityCritic(self.embedder, self.name, source=self.embedder.embed(image, face))

    def reader(self) -> IdentityReader:
        """Return what embeds the frames of one clip."""
        return IdentityReader(self.embedder, self.source)

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return the cosines; without a source those within the clip alone."""
        vectors = video.reading("embedding")
        if not len(vectors):
            return Report({})
        middle = unit(vectors.mean(0)[None])[0]
        within = vectors @ middle
        scores = {"csim_within": score("csim_within", float(within.mean()), len(vectors))}
        if self.source is not None:
            cosines = np.sort(vectors @ unit(self.source[None])[0])
            few = cosines[: max(1, round(LOWEST * len(cosines)))]
            scores["csim"] = score("csim", float(cosines.mean()), len(cosines))
            scores["csim_worst"] = score("csim_worst", float(few.mean()), len(few))
        shared = " (the generator's own: no independent file here)"
        return Report(
            scores, {"identity embedder": self.name + (shared if self.name == "embedded" else "")}
        )


class IdentityReader:
    """Embeds every fifth frame."""

    every = EVERY
    bad: Mapping[str, int] = {"csim": -1}

    def __init__(self, embedder: IdentityEmbedder, source: FloatArray | None) -> None:
        self._embedder = embedder
        self._source = None if source is None else unit(source[None])[0]

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return the (D,) embedding and, with a source, its cosine."""
        if look.face is None:
            return {}
        vector = self._embedder.embed(look.image, look.face)
        out: dict[str, Any] = {"embedding": vector}
        if self._source is not None:
            out["csim"] = float(vector @ self._source)
        return out

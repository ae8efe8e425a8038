"""The phone classes that the recogniser tells apart, by what lips and jaw do."""

from __future__ import annotations

PHONES: tuple[str, ...] = (
    "sil", "p", "m", "f", "th", "t", "n", "s", "sh", "k", "ng", "l", "r", "w", "j", "h",
    "a", "ae", "ah", "ao", "o", "u", "uh", "eh", "e", "ih", "iy", "ax", "y",
)  # fmt: skip
"""Silence; p b; m; f v; th; t d; n; s z ts; sh zh ch; k g x; ng; l; r; w; j; h; then the vowels of
father, cat, cut, caught, (German) Boot, boot, book, bet, (German) See, bit, beet, about, (French)
tu."""

SILENCE = PHONES.index("sil")
BILABIALS = (PHONES.index("p"), PHONES.index("m"))
VOWELS = tuple(range(PHONES.index("a"), len(PHONES)))

_IPA: dict[str, str] = {
    "p": "pb", "m": "m", "f": "fvʋɸβⱱ", "th": "θð", "t": "tdʈɖɾ", "n": "nɲɳ", "s": "sz",
    "sh": "ʃʒɕʑʂʐ", "k": "kgɡxɣqχcɟɢ", "ng": "ŋɴ", "l": "lɫʎɭɬ", "r": "rɹɻʁʀɽ", "w": "wʍɥɰ",
    "j": "jçʝ", "h": "hɦħʔʕ", "a": "aɑäɐɶ", "ae": "æ", "ah": "ʌ", "ao": "ɔɒ", "o": "oɤɵ",
    "u": "uʉ", "uh": "ʊ", "eh": "ɛ", "e": "e", "ih": "ɪɨɯᵻ", "iy": "i", "ax": "əɜɚɝɘ", "y": "yøœʏ",
}  # fmt: skip
_CLASS_OF = {char: PHONES.index(name) for name, chars in _IPA.items() for char in chars}

_ARPA: dict[str, tuple[str, ...]] = {
    "aa": ("a",), "ae": ("ae",), "ah": ("ah",), "ao": ("ao",), "aw": ("a", "uh"), "ax": ("ax",),
    "axr": ("ax", "r"), "ay": ("a", "ih"), "b": ("p",), "ch": ("sh",), "d": ("t",), "dh": ("th",),
    "dx": ("t",), "eh": ("eh",), "el": ("l",), "em": ("m",), "en": ("n",), "er": ("ax", "r"),
    "ey": ("e", "ih"), "f": ("f",), "g": ("k",), "hh": ("h",), "hv": ("h",), "ih": ("ih",),
    "iy": ("iy",), "jh": ("sh",), "k": ("k",), "l": ("l",), "m": ("m",), "n": ("n",),
    "nx": ("n",), "ng": ("ng",), "ow": ("o", "uh"), "oy": ("ao", "ih"), "p": ("p",), "r": ("r",),
    "s": ("s",), "sh": ("sh",), "t": ("t",), "th": ("th",), "uh": ("uh",), "uw": ("u",),
    "v": ("f",), "w": ("w",), "y": ("j",), "z": ("s",), "zh": ("sh",), "pau": ("sil",),
    "h#": ("sil",), "brth": ("sil",), "ssil": ("sil",), "sil": ("sil",),
}  # fmt: skip


def classes_of_ipa(symbol: str) -> tuple[int, ...]:
    """Class indices of one IPA phone: two for a diphthong, none where it is no sound."""
    found = [_CLASS_OF[c] for c in symbol if c in _CLASS_OF]
    if not found:
        return (SILENCE,) if symbol.strip("ˈˌː ") in ("", "_", "_:") else ()
    if symbol[0] in "td" and len(found) > 1 and PHONES[found[1]] in ("s", "sh"):
        return (found[1],)  # affricates look like their fricative
    vowels = [c for c in found if c in VOWELS]
    return tuple(vowels[:2]) if found[0] in VOWELS else (found[0],)


def classes_of_arpa(symbol: str) -> tuple[int, ...]:
    """Class indices of one phone in the notation of flite."""
    return tuple(PHONES.index(name) for name in _ARPA.get(symbol, ()))

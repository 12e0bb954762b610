"""Set a text as large as it can be in the room that it has: fonts, lines and their widths."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from PIL import ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Tried in this order for scripts that the font inside Pillow lacks; the last one is on most Linux machines.
FAR_FONTS: Final = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc", "DejaVuSans.ttf")
LAST_LATIN: Final = "\u024f"
FIRST_WITHOUT_SPACES: Final = "\u2e80"
SMALLEST: Final = 9  # pixels
LEADING: Final = 1.28
MOST_CHARACTERS: Final = 1200


@dataclass(frozen=True, slots=True)
class Setting:
    """Lines, and the font in which they fit; `step` is the way from one line to the next, in pixels."""

    lines: tuple[str, ...]
    font: Font
    step: int

    @property
    def width(self) -> int:
        return round(max(self.font.getlength(line) for line in self.lines))

    @property
    def height(self) -> int:
        return self.step * len(self.lines)


@lru_cache(maxsize=256)
def font(size: int, *, far: bool = False) -> Font:
    for name in FAR_FONTS if far else ():
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def is_far(text: str) -> bool:
    """Whether the text has letters that the font inside Pillow lacks."""
    return any(letter > LAST_LATIN for letter in text if letter.isalpha())


def fit(text: str, width: int, height: int, largest: int) -> Setting:
    """The text in the largest letters with which it fits; at the smallest it is cut instead."""
    words, far = text[:MOST_CHARACTERS] or "(no prompt)", is_far(text)
    size = max(largest, SMALLEST)
    while True:
        face = font(size, far=far)
        setting = Setting(tuple(wrap(words, face, width)), face, round(size * LEADING))
        if setting.height <= height or size == SMALLEST:
            return _cut(setting, height)
        size = max(SMALLEST, round(size * 0.88))


def _cut(setting: Setting, height: int) -> Setting:
    room = max(1, height // setting.step)
    if len(setting.lines) <= room:
        return setting
    return Setting((*setting.lines[: room - 1], setting.lines[room - 1] + "…"), setting.font, setting.step)


def wrap(text: str, face: Font, width: int) -> Iterator[str]:
    """Lines no wider than `width` pixels; a word that is wider by itself is broken."""
    line = ""
    for piece in _pieces(text):
        if piece == "\n" or face.getlength((line + piece).rstrip()) > width:
            if line.strip() or piece == "\n":
                yield line.rstrip()
            line = ""
        while face.getlength(piece.rstrip()) > width and len(piece) > 1:
            cut = _longest(piece, face, width)
            yield piece[:cut]
            piece = piece[cut:]
        line = (line + piece).lstrip()
    if line.strip():
        yield line.rstrip()


def _longest(piece: str, face: Font, width: int) -> int:
    return next((cut for cut in range(len(piece) - 1, 0, -1) if face.getlength(piece[:cut]) <= width), 1)


def _pieces(text: str) -> Iterator[str]:
    """Words with the blanks that follow them, line breaks, and single letters of scripts without blanks."""
    word = ""
    for letter in text:
        if word and (letter == "\n" or letter >= FIRST_WITHOUT_SPACES or (word[-1] == " " and letter != " ")):
            yield word
            word = ""
        if letter == "\n" or letter >= FIRST_WITHOUT_SPACES:
            yield letter
        else:
            word += letter
    if word:
        yield word

"""How large a picture is asked for, and which sizes the platform refuses.

OpenAI's paths take `size` as "WIDTHxHEIGHT" or "auto"; nano-banana takes a ratio and a resolution, and squeezes the
sizes of OpenAI's path into ratios; others take "1K" to "4K". Every answer is a width and a height in pixels.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from orchestrator.sandbox.refusals import bad_request

Size: TypeAlias = tuple[int, int]

SQUARE: Final[Size] = (1024, 1024)
WIDE: Final[Size] = (1280, 720)
PATTERN: Final = re.compile(r"(\d{1,6})x(\d{1,6})")
STEP: Final = 16
LONGEST: Final = 3840
MOST_PIXELS: Final = 8_294_400
# The model's own outputs, which are not multiples of 16 and yet may be asked for.
EXEMPT: Final[frozenset[Size]] = frozenset({(1254, 1254), (1672, 941), (941, 1672)})

# What one "K" is worth for each ratio; 2K and 4K are twice and four times as long.
RATIOS: Final[Mapping[str, Size]] = {
    "1:1": SQUARE,
    "3:2": (1248, 832),
    "2:3": (832, 1248),
    "4:3": (1184, 864),
    "3:4": (864, 1184),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
}
SQUEEZED: Final[Mapping[str, str]] = {"1792x1024": "16:9", "1024x1792": "9:16"}
RESOLUTIONS: Final[Mapping[str, int]] = {"1K": 1, "2K": 2, "3K": 3, "4K": 4}


def openai_size(model: str, size: object) -> Size:
    """The picture that a request to OpenAI's paths gets.

    Raises:
        Refused: `bad_request`, when the size has no meaning or breaks the rules of the model.
    """
    if model.startswith("nano-banana"):
        return RATIOS[SQUEEZED.get(str(size), "1:1")]
    if size is None or size == "auto":
        return SQUARE
    width, height = _parse(size)
    if model.startswith("gpt-image-2"):
        _check_steps(width, height)
    if max(width, height) > LONGEST or width * height > MOST_PIXELS:
        raise bad_request(f"size must not exceed {LONGEST} pixels a side or {MOST_PIXELS} pixels in all")
    return width, height


def _parse(size: object) -> Size:
    found = PATTERN.fullmatch(size) if isinstance(size, str) else None
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not width or not height:
        raise bad_request("size must be auto or WIDTHxHEIGHT")
    return width, height


def _check_steps(width: int, height: int) -> None:
    if (width % STEP or height % STEP) and (width, height) not in EXEMPT:
        raise bad_request("size width and height must be multiples of 16")


def other_size(body: Mapping[str, object], default: Size = SQUARE) -> Size:
    """The picture that a request to any other service gets; what has no meaning is ignored, as it is there."""
    size = body.get("size")
    if isinstance(size, str) and (found := PATTERN.fullmatch(size)):
        width, height = int(found[1]), int(found[2])
        return (width, height) if 0 < width * height <= MOST_PIXELS else default
    ratio = body.get("aspect_ratio") or body.get("ratio")
    base = RATIOS.get(str(ratio), default)
    factor = RESOLUTIONS.get(str(body.get("resolution") or size), 1)
    return base[0] * factor, base[1] * factor

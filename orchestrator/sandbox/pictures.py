"""Draw the picture that was asked for: the prompt's words on colours of their own, in exactly the size wanted.

Drawing is pure: the same `Picture` is the same bytes, so it may be drawn when a link is first opened, forgotten and
drawn again. It takes milliseconds to a second and belongs in a thread.
"""

import colorsys
import hashlib
import io
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, UnidentifiedImageError

from orchestrator.sandbox.lettering import Setting, fit, font

Colour: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[int, int, int, int]

WHITE: Final = (255, 255, 255)
FAINT: Final = (255, 255, 255, 200)
SHADOW: Final = (8, 10, 24, 130)
PANEL: Final = (8, 10, 24, 88)
PILL: Final = (8, 10, 24, 140)
GLOW: Final = (255, 255, 255, 20)
THUMBNAIL: Final = (384, 384)
MOST_INPUTS: Final = 4
MOST_INPUT_PIXELS: Final = 50_000_000
SMALLEST_WITH_TEXT: Final = 96  # pixels a side


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`text` fills the middle, `caption` a corner; `number` of `count` says which of a set; `inputs` are thumbnails.

    A plain one has no shades: it is drawn in a fraction of the time and packs into a fraction of the bytes.
    """

    text: str
    width: int
    height: int
    format: str = "png"
    caption: str = ""
    number: int = 1
    count: int = 1
    inputs: tuple[bytes, ...] = ()
    plain: bool = False


def draw(picture: Picture) -> bytes:
    """The picture's file: PNG, JPEG or WebP."""
    image = _background(picture)
    if min(picture.width, picture.height) >= SMALLEST_WITH_TEXT:
        _letter(image, picture)
    if picture.plain:
        image = image.quantize(64, Image.Quantize.FASTOCTREE)
    target = io.BytesIO()
    if picture.format == "png":
        image.save(target, "PNG", compress_level=3)
    else:
        image.convert("RGB").save(target, picture.format.upper(), quality=40 if picture.plain else 88, method=1)
    return target.getvalue()


def thumbnail(data: bytes) -> bytes | None:
    """A small PNG of an uploaded picture; None if it is none, or would take too much room to decode."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_INPUT_PIXELS:
                return None
            image.thumbnail(THUMBNAIL)
            target = io.BytesIO()
            image.convert("RGB").save(target, "PNG")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None
    return target.getvalue()


def _background(picture: Picture) -> Image.Image:
    shades, (width, height) = _palette(picture), (picture.width, picture.height)
    if picture.plain:
        return Image.new("RGB", (width, height), shades[0])
    # Nine colours, stretched: a soft gradient in two dimensions, at the price of one resize.
    mesh = Image.new("RGB", (3, 3))
    mesh.putdata(shades)
    image = mesh.resize((width, height), Image.Resampling.BICUBIC)
    pencil, reach = ImageDraw.Draw(image, "RGBA"), max(width, height)
    for across, down, radius in ((0.08, 0.02, 0.42), (0.98, 0.55, 0.36), (0.3, 1.05, 0.3)):
        x, y, r = round(across * width), round(down * height), round(radius * reach)
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=GLOW)
    return image


def _palette(picture: Picture) -> list[Colour]:
    seed = hashlib.sha256(f"{picture.text}\0{picture.number}".encode()).digest()
    rng = Random(seed)  # noqa: S311 - colours, not secrets
    hue = rng.random()
    tones = (
        colorsys.hls_to_rgb((hue + rng.uniform(-0.12, 0.12)) % 1, rng.uniform(0.3, 0.58), rng.uniform(0.3, 0.58))
        for _ in range(9)
    )
    return [(int(red * 255), int(green * 255), int(blue * 255)) for red, green, blue in tones]


def _letter(image: Image.Image, picture: Picture) -> None:
    pencil, short = ImageDraw.Draw(image, "RGBA"), min(image.size)
    margin = short // 14
    top = margin + (_paste(image, picture.inputs, margin) if picture.inputs else 0)
    pill = max(20, short // 22)
    room = (margin, top, image.width - margin, image.height - margin - 2 * pill)
    pad = margin // 2
    setting = fit(picture.text, room[2] - room[0] - 2 * pad, room[3] - room[1] - 2 * pad, short // 9)
    _panel(pencil, setting, room, pad)
    corner = image.height - margin // 2 - pill
    _pill(
        pencil, f"{picture.width} x {picture.height}  {picture.format}", corner, pill, right=image.width - margin // 2
    )
    words = [picture.caption, f"{picture.number} of {picture.count}" if picture.count > 1 else ""]
    if picture.width > 3 * short // 4 and any(words):
        _pill(pencil, "  ".join(filter(None, words)), corner, pill, left=margin // 2)


def _panel(pencil: ImageDraw.ImageDraw, setting: Setting, room: Box, pad: int) -> None:
    middle, centre = (room[0] + room[2]) // 2, (room[1] + room[3]) // 2
    left, top = middle - setting.width // 2, centre - setting.height // 2
    frame = (left - pad, top - pad, middle + setting.width // 2 + pad, centre + setting.height // 2 + pad)
    pencil.rounded_rectangle(frame, radius=pad, fill=PANEL)
    for number, line in enumerate(setting.lines):
        place = (middle, top + round((number + 0.5) * setting.step))
        pencil.text((place[0] + 1, place[1] + 2), line, fill=SHADOW, font=setting.font, anchor="mm")
        pencil.text(place, line, fill=WHITE, font=setting.font, anchor="mm")


def _pill(
    pencil: ImageDraw.ImageDraw, text: str, top: int, height: int, *, left: int | None = None, right: int | None = None
) -> None:
    face = font(max(9, round(height * 0.58)))
    width = round(face.getlength(text)) + height
    start = left if left is not None else (right or width) - width
    pencil.rounded_rectangle((start, top, start + width, top + height), radius=height // 2, fill=PILL)
    pencil.text((start + width // 2, top + height // 2), text, fill=FAINT, font=face, anchor="mm")


def _paste(image: Image.Image, inputs: tuple[bytes, ...], margin: int) -> int:
    """Put the thumbnails into a row at the top; returns its height in pixels."""
    shown = inputs[:MOST_INPUTS]
    side = min(image.height // 4, (image.width - margin * (len(shown) + 1)) // len(shown))
    left = (image.width - side * len(shown) - margin * (len(shown) - 1)) // 2
    for number, data in enumerate(shown):
        with Image.open(io.BytesIO(data)) as small:
            small.thumbnail((side, side))
            x = left + number * (side + margin) + (side - small.width) // 2
            y = margin + (side - small.height) // 2
            image.paste(WHITE, (x - 3, y - 3, x + small.width + 3, y + small.height + 3))
            image.paste(small, (x, y))
    return side + margin // 2

"""The platform's asynchronous operations, as data: one row each, its result drawn as a template.

The services disagree about nearly everything (where the result lies, which word means done, whether there is a
trace_id), and the disagreements are the point of this table. A new operation is one more row.
"""

from collections.abc import Mapping
from typing import Final

from orchestrator.sandbox.shapes import Echo, Fill, Layout, Link, Measure, Operation, Template

IMAGE: Final = Link("image")
VIDEO: Final = Link("video")
AUDIO: Final = Link("audio")
PROMPT: Final = ("prompt",)


def _images(path: str, template: Template, *, count: int | str = 1) -> Operation:
    return Operation(path=path, layout=Layout.LIST, template=template, needs=PROMPT, count=count)


def _openai(path: str, *needs: str) -> Operation:
    template = {"url": IMAGE, "revised_prompt": Fill.PROMPT}
    return Operation(path=path, layout=Layout.OPENAI, template=template, needs=needs, count="n")


def _videos(path: str, template: Template, *needs: str, layout: Layout = Layout.LIST, traced: bool = True) -> Operation:
    return Operation(path=path, layout=layout, template=template, needs=needs, kind="videos", traced=traced)


def _audios(path: str, template: Template, *needs: str, layout: Layout = Layout.LIST, count: int = 1) -> Operation:
    return Operation(path=path, layout=layout, template=template, needs=needs, kind="audios", count=count)


def _midjourney(action: str, template: Template, *needs: str) -> Operation:
    return Operation(
        path=f"midjourney/{action}",
        layout=Layout.FLAT,
        template={**template, "progress": 100},
        needs=needs,
        kind=action,
        traced=False,
        elapsed="duration",
        preview={"image_url": Link("image", 0.25), "image_id": Fill.NUMBER, "progress": Fill.PROGRESS, "actions": []},
    )


SIZE: Final = {"image_width": Measure("width"), "image_height": Measure("height")}
ACTIONS: Final = [f"{action}{position}" for action in ("upscale", "variation") for position in range(1, 5)]
GRID: Final = {
    "image_url": IMAGE,
    **SIZE,
    "image_id": Fill.NUMBER,
    "raw_image_url": Link("image", 2.0),
    "raw_image_width": Measure("width", 2.0),
    "raw_image_height": Measure("height", 2.0),
}
CLIP: Final = {"video_id": Fill.ID, "video_url": VIDEO, "duration": "5.1", "state": "succeed"}
FILM: Final = {
    "video_id": Fill.ID,
    "prompt": Fill.PROMPT,
    "video_url": VIDEO,
    "video_width": 1280,
    "video_height": 720,
    "state": "completed",
    "thumbnail_url": Link("image", 0.5),
}
DATED: Final = {
    "id": Fill.ID,
    "video_url": VIDEO,
    "created_at": Fill.CLOCK,
    "complete_at": Fill.CLOCK,
    "state": "succeeded",
}
SONG: Final = {
    "id": Fill.ID,
    "title": Echo("title", "Untitled"),
    "image_url": Link("image", 0.5),
    "lyric": Echo("lyric", "[Verse]\nLa, la, la"),
    "audio_url": AUDIO,
    "video_url": "",
    "created_at": Fill.INSTANT,
    "model": Echo("model", "chirp-v5"),
    "state": "succeeded",
    "prompt": Fill.PROMPT,
    "style": Echo("style", ""),
    "duration": 1.0,
}
TRACK: Final = {
    "id": Fill.ID,
    "title": Echo("title", "Untitled"),
    "audio_url": AUDIO,
    "image_url": Link("image", 0.5),
    "video_url": None,
    "seed": Echo("seed", "7"),
    "created_at": Fill.INSTANT,
    "model": Echo("model", "FUZZ-2.0"),
    "progress": "100%",
    "state": "succeeded",
    "duration": "1.0",
}
SCENE: Final = {
    "id": Fill.ID,
    "model": Echo("model"),
    "status": "succeeded",
    "content": {"video_url": VIDEO},
    "usage": {"completion_tokens": 1000, "total_tokens": 1000},
    "duration": Echo("duration", 5),
    "ratio": Echo("ratio", "16:9"),
    "created_at": Fill.EPOCH,
    "updated_at": Fill.EPOCH,
}
VOCALS: Final = {"id": Fill.ID, "status": "complete", "vocal_audio_url": AUDIO}
AVATAR: Final = {"status": "done", "image_url": Echo("image_url"), "audio_url": Echo("audio_url"), "video_url": VIDEO}
PERSON: Final = {"video_url": VIDEO, "width": 1280, "height": 720, "duration": 5.1, "state": "succeed"}
SHORT: Final = {"id": Fill.ID, "model": Echo("model"), "prompt": Fill.PROMPT, "video_url": VIDEO, "state": "succeeded"}
PAGE: Final = {"url": Echo("url"), "kind": Echo("expected_type", "page"), "title": "A page of the sandbox"}

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.path: operation
    for operation in (
        _openai("openai/images/generations", "prompt"),
        _openai("openai/images/edits", "prompt", "image"),
        _images("nano-banana/images", {"prompt": Fill.PROMPT, "image_url": IMAGE}, count="count"),
        _images(
            "flux/images",
            {"prompt": Fill.PROMPT, "image_url": IMAGE, "seed": Echo("seed", 11), "timings": {"inference": 1.5}},
            count="count",
        ),
        _images("seedream/images", {"image_url": IMAGE, "model": Echo("model")}),
        _midjourney("imagine", {**GRID, "actions": ACTIONS}),
        _midjourney("edits", {**GRID, "sub_image_urls": [Link("image", 0.5)] * 4}, "image_url"),
        _midjourney("videos", {"image_url": IMAGE, **SIZE, "video_id": Fill.NUMBER, "video_urls": [VIDEO] * 4}),
        _videos("veo/videos", DATED),
        _videos("veo/extend", DATED, "video_id"),
        _videos("sora/videos", {"id": Fill.ID, "video_url": VIDEO, "state": "succeeded"}, "prompt"),
        _videos("luma/videos", FILM, layout=Layout.FLAT, traced=False),
        _videos("wan/videos", FILM, "prompt", layout=Layout.FLAT),
        _videos("kling/videos", CLIP, layout=Layout.FLAT),
        _videos("kling/motion", CLIP, "image_url", "video_url", layout=Layout.FLAT),
        _videos("kling/lip-sync", CLIP, layout=Layout.FLAT),
        _videos(
            "kling/talking-photo", {**CLIP, "source_video_url": VIDEO}, "image_url", "audio_url", layout=Layout.FLAT
        ),
        _videos("hailuo/videos", SHORT),
        _videos("happyhorse/videos", SHORT),
        _videos("seedance/videos", SCENE, "content"),
        _videos("dreamina/videos", AVATAR, "image_url", "audio_url", layout=Layout.OBJECT),
        _videos("digital-human/videos", PERSON, "video_url", layout=Layout.FLAT),
        _audios("suno/audios", SONG, count=2),
        _audios("suno/wav", {"file_url": AUDIO}, "audio_id"),
        _audios("suno/midi", {"file_url": Link("midi")}, "audio_id"),
        _audios("suno/vox", VOCALS, "audio_id", layout=Layout.OBJECT),
        Operation(
            path="producer/audios",
            layout=Layout.LIST,
            template=TRACK,
            needs=PROMPT,
            kind="audios",
            flag_kept=False,
        ),
        Operation(
            path="fish/tts",
            layout=Layout.FLAT,
            template={"audio_url": AUDIO},
            needs=("text",),
            kind="audios",
            traced=False,
            flagged=False,
            ack="dated",
        ),
        Operation(
            path="maestro/videos",
            layout=Layout.OBJECT,
            template={"variants": [{"lang": "en", "output_url": VIDEO}]},
            needs=PROMPT,
            kind="videos",
            ack="full",
            held=False,
            worded=True,
        ),
        Operation(path="webextrator/render", layout=Layout.OBJECT, template=PAGE, needs=("url",), kind="pages"),
        Operation(path="webextrator/extract", layout=Layout.OBJECT, template=PAGE, needs=("url",), kind="pages"),
    )
}
SERVICES: Final = frozenset(operation.service for operation in OPERATIONS.values())


def canonical(path: str) -> str:
    """The path under which an operation is known; aliases begin with `v1/`, OpenAI's may leave out `openai/`."""
    bare = path.strip("/").removeprefix("v1/")
    return f"openai/{bare}" if bare.startswith("images/") else bare

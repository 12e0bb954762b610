"""Which media of a reply are results, of which kind, and in which order."""

from collections.abc import Mapping

import pytest

from orchestrator.domain.outcome import AssetKind
from orchestrator.providers.replies import read_callback, read_record

HOST = "https://cdn.example.com"
IMAGE, VIDEO, AUDIO, FILE = AssetKind.IMAGE, AssetKind.VIDEO, AssetKind.AUDIO, AssetKind.FILE


def keys_of(body: Mapping[str, object], service: str) -> list[str]:
    return [artifact.key for artifact in read_callback(body, service=service).artifacts]


@pytest.mark.parametrize(
    ("service", "body", "keys"),
    [
        (
            "midjourney",
            {"sub_image_urls": [f"{HOST}/1", f"{HOST}/2"], "raw_image_url": f"{HOST}/r", "image_url": f"{HOST}/0"},
            ["image_url", "sub_image_urls.0", "sub_image_urls.1"],
        ),
        (
            "midjourney",
            {"video_urls": [f"{HOST}/1", f"{HOST}/2"], "image_url": f"{HOST}/0"},
            ["image_url", "video_urls.0", "video_urls.1"],
        ),
        (
            "suno",
            {
                "data": [
                    {"image_url": f"{HOST}/i", "video_url": f"{HOST}/v", "audio_url": f"{HOST}/a"},
                    {"audio_url": f"{HOST}/b"},
                ]
            },
            ["data.0.audio_url", "data.0.video_url", "data.0.image_url", "data.1.audio_url"],
        ),
        (
            "midjourney",
            {"grid_image_urls": [f"{HOST}/1"], "image_url": f"{HOST}/0"},
            ["image_url", "grid_image_urls.0"],
        ),
        (
            "seedance",
            {"data": [{"content": {"last_frame_url": f"{HOST}/f", "video_url": f"{HOST}/v"}}]},
            ["data.0.content.video_url", "data.0.content.last_frame_url"],
        ),
    ],
)
def test_lists_keep_their_order_and_a_result_starts_with_what_its_service_is_for(
    service: str, body: Mapping[str, object], keys: list[str]
) -> None:
    assert keys_of(body, service) == keys


def test_the_order_of_keys_in_the_json_does_not_matter() -> None:
    item = {
        "vocal_audio_url": f"{HOST}/w",
        "image_url": f"{HOST}/i",
        "audio_url": f"{HOST}/a",
        "video_url": f"{HOST}/v",
    }
    turned = dict(reversed(item.items()))

    assert keys_of({"data": [item]}, "suno") == keys_of({"data": [turned]}, "suno")


@pytest.mark.parametrize(
    ("service", "name", "url", "kind"),
    [
        ("openai", "url", f"{HOST}/x", IMAGE),
        ("openai", "url", f"{HOST}/x.png?sig=a.mp4", IMAGE),
        ("openai", "url", f"{HOST}/x.MP4", VIDEO),
        ("maestro", "output_url", f"{HOST}/x", VIDEO),
        ("unheard-of", "url", f"{HOST}/x", FILE),
        ("veo", "video_url", f"{HOST}/x.gif", VIDEO),
        ("suno", "vocal_audio_url", f"{HOST}/x", AUDIO),
        ("suno", "file_url", f"{HOST}/x.wav", AUDIO),
        ("suno", "file_url", f"{HOST}/x.mid", FILE),
        ("suno", "file_url", f"{HOST}/x.midi", FILE),
        ("suno", "file_url", f"{HOST}/x.mp4", VIDEO),
        ("suno", "file_url", f"{HOST}/x", FILE),
        ("kling", "video_cover_url", f"{HOST}/x", IMAGE),
        ("seedance", "last_frame", f"{HOST}/x", IMAGE),
        ("fish", "wav_url", f"{HOST}/x.wav", AUDIO),
        ("unheard-of", "url", "data:audio/mpeg;base64,QUJD", AUDIO),
    ],
)
def test_the_kind_follows_the_name_then_the_path_then_the_service(
    service: str, name: str, url: str, kind: AssetKind
) -> None:
    (artifact,) = read_callback({"success": True, "data": {name: url}}, service=service).artifacts

    assert artifact.kind is kind


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("midjourney", "raw_image_url"),
        ("luma", "thumbnail_url"),
        ("luma", "preview_video_url"),
        ("suno", "image_large_url"),
        ("suno", "stream_audio_url"),
        ("kling", "source_video_url"),
        ("dreamina", "image_url"),
        ("dreamina", "audio_url"),
        ("veo", "callback_url"),
        ("veo", "first_image_url"),
        ("veo", "status_url"),
        ("veo", "homepage_url"),
        ("veo", "prompt"),
        ("webextrator", "url"),
    ],
)
def test_twins_previews_inputs_and_links_are_not_results(service: str, name: str) -> None:
    assert keys_of({"success": True, "video_url": f"{HOST}/v.mp4", name: f"{HOST}/x"}, service) in (["video_url"], [])


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        7,
        True,
        {},
        "ftp://h/x",
        "/x.png",
        "https://",
        "https://[::1/x",
        "https://h/\x07",
        "https://h/\ud800",
    ],
)
def test_what_cannot_be_fetched_is_skipped(value: object) -> None:
    assert keys_of({"success": True, "data": [{"url": value}, {"url": f"{HOST}/x.png"}]}, "openai") == ["data.1.url"]


def test_base64_is_kept_without_its_prefix() -> None:
    body = {
        "data": [
            {"b64_json": "QUJD"},
            {"b64_json": "data:image/png;base64,REVG"},
            {"url": "data:image/webp;base64,R0hJ"},
        ]
    }

    artifacts = read_callback(body, service="openai").artifacts

    assert [(artifact.data, artifact.url, artifact.kind) for artifact in artifacts] == [
        ("QUJD", None, IMAGE),
        ("REVG", None, IMAGE),
        ("R0hJ", None, IMAGE),
    ]


def test_bytes_beside_a_link_are_the_same_picture() -> None:
    (artifact,) = read_callback({"data": [{"url": f"{HOST}/x", "b64_json": "QUJD"}]}, service="openai").artifacts

    assert (artifact.data, artifact.url) == ("QUJD", None)


def test_a_link_is_taken_where_the_bytes_beside_it_are_none() -> None:
    body = {"data": [{"url": f"{HOST}/x", "b64_json": ""}, {"url": f"{HOST}/y", "b64_json": "data:,y"}]}

    assert keys_of(body, "openai") == ["data.0.url", "data.1.url"]


def test_the_same_link_counts_once() -> None:
    body = {"data": [{"url": f"{HOST}/x"}, {"url": f"{HOST}/y"}, {"url": f"{HOST}/x"}]}

    assert keys_of(body, "openai") == ["data.0.url", "data.1.url"]


def test_a_revised_prompt_stays_with_its_picture() -> None:
    body = {
        "data": {"created": 1, "data": [{"url": f"{HOST}/x", "revised_prompt": "a\x00b \ud800"}, {"url": f"{HOST}/y"}]}
    }

    first, second = read_callback(body, service="openai").artifacts

    assert (first.revised_prompt, second.revised_prompt) == ("ab ?", None)


def test_a_key_can_be_stored_whatever_the_names_of_fields_are() -> None:
    assert keys_of({"x\x00y": {"\ud800_video_url": f"{HOST}/v"}}, "veo") == ["xy.?_video_url"]


def test_the_repeated_request_of_a_record_is_never_searched() -> None:
    record = {
        "id": "t",
        "request": {"image_url": f"{HOST}/in.png"},
        "response": {"success": True, "request": {"video_url": f"{HOST}/in.mp4"}, "video_url": f"{HOST}/out.mp4"},
    }

    assert [artifact.url for artifact in read_record(record, service="veo").artifacts] == [f"{HOST}/out.mp4"]


def test_nothing_is_looked_for_deeper_than_eight_levels() -> None:
    shallow: dict[str, object] = {"video_url": f"{HOST}/v"}
    for _ in range(8):
        shallow = {"x": shallow}

    assert len(keys_of(shallow, "veo")) == 1
    assert keys_of({"x": shallow}, "veo") == []


def test_a_reply_with_very_many_links_yields_64() -> None:
    body = {"data": [{"url": f"{HOST}/{number}"} for number in range(5000)]}

    assert len(keys_of(body, "openai")) == 64


@pytest.mark.parametrize("chaff", [[{}] * 1000, {f"b{number}": {} for number in range(1000)}], ids=["lists", "objects"])
def test_no_more_than_ten_thousand_objects_are_looked_at(chaff: object) -> None:
    last = {"z": [{"z": {"video_url": f"{HOST}/v"}}]}

    assert len(keys_of({**{f"a{number}": chaff for number in range(9)}, **last}, "veo")) == 1
    assert keys_of({**{f"a{number}": chaff for number in range(11)}, **last}, "veo") == []


def test_objects_are_counted_where_they_are_nested_too() -> None:
    chaff: dict[str, object] = {f"b{number}": {} for number in range(1000)}
    nested = {f"a{number}": chaff for number in range(11)} | {"z": {"video_url": f"{HOST}/v"}}

    assert keys_of(nested, "veo") == []

"""Every shape of reply that is known, and what it amounts to. conftest.py says how to read a row."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

SAMPLES: Final = Path(__file__).parent / "samples"
EXPECTED: Final = {
    "digital-human_tasks__task_record__running.json": "running 55%",
    "digital-human_videos__callback_success.json": "succeeded: video",
    "dreamina_tasks__task_record__running.json": "running",
    # Its image and audio are the inputs, repeated.
    "dreamina_videos__callback_success.json": "succeeded: video",
    # A failure in a 200 is the result of a task that ran, not a request that was turned down.
    "error_200_failure_with_task.json": "failed: forbidden",
    "error_200_failure_without_task.json": "failed: api_error",
    # Nobody has said what a list would mean, so nothing is concluded from it.
    "error_200_list.json": "ambiguous",
    "error_200_status.html": "ambiguous",
    "error_200_string.json": "failed: upstream_error",
    "error_201_captcha_ack.json": "accepted",
    "error_400_bad_request.json": "refused: bad_request",
    "error_400_fish.json": "refused: upstream_error",
    "error_400_flat.json": "refused: bad_request",
    "error_400_openai.json": "refused: invalid_request_error",
    "error_400_validation.json": "refused: upstream_error",
    "error_401_code_only.json": "refused: authorization_missing",
    "error_401_flat_code_only.json": "refused: authorization_missing",
    # The error is a bare sentence.
    "error_402_payment.json": "refused: upstream_error",
    # A page of the edge, yet the status says clearly that nothing was started.
    "error_403_edge.html": "refused: upstream_error",
    "error_403_used_up.json": "refused: used_up",
    "error_404_no_api.json": "refused: no_api",
    # The first of the two may be running.
    "error_409_duplication.json": "ambiguous",
    "error_413_request_too_large.json": "refused: request_too_large",
    "error_422_antibot_blocked.json": "refused: antibot_blocked",
    "error_429_flagged.json": "busy: rate_limited",
    "error_429_too_many_requests.json": "busy: too_many_requests",
    "error_500_api_error.json": "ambiguous",
    # It reads like a 429, but only a 429 says that nothing was started.
    "error_500_busy.json": "ambiguous",
    "error_500_flat_code_only.json": "ambiguous",
    "error_502_edge.html": "ambiguous",
    "error_504_timeout.json": "ambiguous",
    "error_504_with_task.json": "ambiguous",
    "fish_tasks__task_record__failed.json": "failed: upstream_error",
    "fish_tts__callback_failure__native.json": "failed: upstream_error",
    "fish_tts__callback_success.json": "succeeded: audio",
    "fish_tts__submit_ack.json": "accepted",
    "fish_tts__sync_success.json": "succeeded: audio",
    "flux_images__callback_success.json": "succeeded: image",
    "flux_tasks__tasks_batch.json": "succeeded: image + succeeded: image + others unknown",
    "hailuo_tasks__task_record__cancelled.json": "failed: upstream_error",
    "hailuo_tasks__task_record__failed_not_finished.json": "failed: api_error",
    # The error is structured; the item's word is from before.
    "hailuo_tasks__task_record__failed_stale_state.json": "failed: upstream_error",
    "hailuo_tasks__task_record__pending.json": "running",
    "hailuo_tasks__task_record__queued.json": "running",
    "hailuo_videos__callback_success.json": "succeeded: video",
    "hailuo_videos__sync_success__status.json": "succeeded: video",
    "happyhorse_videos__callback_success.json": "succeeded: video",
    # The source video is an input of its last step.
    "kling_talking-photo__callback_success.json": "succeeded: video",
    "kling_tasks__task_record__done.json": "succeeded: video",
    # The record is finished and says done: nothing will come.
    "kling_tasks__task_record__done_without_video.json": "failed: upstream_error",
    "kling_videos__callback_success.json": "succeeded: video",
    # The record is asked before a paid task is given up.
    "kling_videos__callback_success__without_video.json": "running",
    # The thumbnail is not an asset.
    "luma_videos__callback_success.json": "succeeded: video",
    "luma_videos__submit_ack.json": "accepted",
    # The word stands on the record; there is no response.
    "maestro_tasks__task_record__dead.json": "failed: upstream_error",
    "maestro_tasks__task_record__done.json": "succeeded: video video",
    "maestro_tasks__task_record__planning.json": "running",
    "maestro_videos__submit_ack.json": "accepted",
    # Texts are a result too, and nothing is to be fetched.
    "midjourney_describe__sync_success.json": "succeeded",
    # The image and its four parts, not the raw twin.
    "midjourney_edits__callback_success.json": "succeeded: image image image image image",
    "midjourney_imagine__callback_failure.json": "failed: bad_request",
    "midjourney_imagine__callback_success.json": "succeeded: image",
    "midjourney_imagine__stream_events.json": "running 20% + running 80% + succeeded: image",
    "midjourney_tasks__task_record__done.json": "succeeded: image",
    "midjourney_tasks__task_record__progress_string.json": "running 62%",
    "midjourney_translate__sync_success.json": "succeeded",
    # The cover and four videos.
    "midjourney_videos__callback_success.json": "succeeded: image video video video video",
    "nano-banana_images__callback_success.json": "succeeded: image",
    # No flag, no word, no end: an image is enough, as nothing here streams.
    "nano-banana_tasks__task_record__without_flag.json": "succeeded: image",
    "openai_images_edits__callback_success__b64.json": "succeeded: image",
    "openai_images_generations__callback_failure.json": "failed: bad_request",
    # A promise without a picture: the record will tell.
    "openai_images_generations__callback_success__empty.json": "running",
    "openai_images_generations__callback_success__flat.json": "succeeded: image image",
    "openai_images_generations__callback_success__nested.json": "succeeded: image",
    "openai_images_generations__callback_success__some_failed.json": "partial: image image (content_policy)",
    "openai_images_generations__submit_ack.json": "accepted",
    "openai_images_generations__submit_ack__full.json": "accepted",
    "openai_images_generations__sync_success__b64.json": "succeeded: image",
    "openai_images_generations__sync_success__classic.json": "succeeded: image",
    "openai_images_generations__sync_success__data_url.json": "succeeded: image",
    "openai_images_generations__sync_success__flat.json": "succeeded: image",
    "openai_images_generations__sync_success__nano_banana_model.json": "succeeded: image",
    "openai_images_generations__sync_success__usage.json": "succeeded: image",
    "openai_tasks__task_record__done.json": "succeeded: image",
    "openai_tasks__task_record__empty_data.json": "running",
    "openai_tasks__task_record__failed.json": "failed: timeout",
    "openai_tasks__task_record__not_found.json": "unknown_task",
    # Our question was refused; it says nothing about the task.
    "openai_tasks__task_record__query_refused.json": "running",
    "openai_tasks__task_record__running.json": "running",
    "openai_tasks__task_record__unknown.json": "unknown_task",
    "openai_tasks__tasks_batch.json": "succeeded: image + running + failed: api_error + others unknown",
    # Two were found but are not here, so none is known to be absent.
    "openai_tasks__tasks_batch__count_without_items.json": "others unclear",
    "openai_tasks__tasks_batch__empty.json": "others unknown",
    "producer_audios__callback_success.json": "succeeded: audio image",
    "producer_lyrics__sync_success.json": "succeeded",
    "producer_tasks__task_record__done.json": "succeeded: audio",
    "producer_tasks__task_record__running.json": "running 45%",
    "seedance_tasks__task_record__expired.json": "failed: upstream_error",
    # The video and its last frame.
    "seedance_tasks__task_record__object.json": "succeeded: video image",
    "seedance_videos__callback_success.json": "succeeded: video image",
    "seedream_images__sync_success.json": "succeeded: image",
    "seedream_tasks__task_record__without_response.json": "succeeded: image",
    # success: true beside a word for not yet.
    "sora_videos__callback_running.json": "running",
    "sora_videos__callback_success.json": "succeeded: video",
    # One song can be streamed, but is not done.
    "suno_audios__callback_streaming.json": "running",
    # Audio, video and cover of the first song; the second has no video yet.
    "suno_audios__callback_success.json": "succeeded: audio video image audio image",
    "suno_audios__sync_success.json": "succeeded: audio image audio image",
    "suno_lyrics__callback_success.json": "succeeded",
    # A MIDI file is neither of the three media.
    "suno_midi__callback_success.json": "succeeded: file",
    "suno_mp4__sync_success.json": "succeeded: video",
    # Success of what? It names neither a task nor a result.
    "suno_persona__submit_ack__flag_only.json": "ambiguous",
    "suno_persona__sync_success.json": "succeeded",
    "suno_style__sync_success.json": "succeeded",
    # A bare string in an unfinished record may go away again.
    "suno_tasks__task_record__error_string.json": "running",
    "suno_tasks__task_record__error_string_finished.json": "failed: upstream_error",
    # Without the failed song's cover.
    "suno_tasks__task_record__one_failed.json": "partial: audio image (upstream_error)",
    "suno_tasks__task_record__partial.json": "partial: audio (upstream_error)",
    # No word and no end: the audio may still be a stream.
    "suno_tasks__task_record__stream_preview.json": "running",
    # It names no task: the words are about our question.
    "suno_tasks__task_record__temporary.json": "running",
    "suno_upload__sync_success.json": "succeeded: audio image",
    "suno_vox__sync_success.json": "succeeded: audio",
    "suno_wav__callback_success.json": "succeeded: audio",
    "veo_tasks__task_record__done.json": "succeeded: video",
    "veo_tasks__task_record__failed_capitals.json": "failed: CONTENT_REJECTED",
    "veo_videos__callback_success.json": "succeeded: video",
    # The state is believed, not the flag.
    "wan_tasks__task_record__failed_beside_success.json": "failed: upstream_error",
    "wan_tasks__task_record__failed_flat_state.json": "failed: upstream_error",
    "wan_videos__callback_success.json": "succeeded: video",
    # The links of the page that was read are not media.
    "webextrator_extract__callback_success.json": "succeeded",
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED.keys())
def test_a_reply_of_this_shape_amounts_to(name: str, expected: str, summary_of: Callable[[Path], str]) -> None:
    assert summary_of(SAMPLES / name) == expected


def test_every_sample_has_its_row() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == EXPECTED.keys()

"""Media links: real files, and everything that can be wrong with them."""

import pytest

from orchestrator.sandbox.connection import HungUpError
from orchestrator.sandbox.options import SandboxOptions
from tests.sandbox.plumbing import Stage, opened, playing


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
async def test_a_link_gives_a_picture_in_the_size_and_format_asked_for(stage: Stage, form: str) -> None:
    answer = await stage.client.get(await stage.link(size="192x256", output_format=form))

    image = opened(answer.content)
    assert (answer.headers["content-type"], image.format, image.size) == (f"image/{form}", form.upper(), (192, 256))


async def test_auto_means_a_square(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link(size="auto"))

    assert opened(answer.content).size == (1024, 1024)


async def test_nano_banana_takes_a_ratio_and_a_resolution(stage: Stage) -> None:
    body = (await stage.submit("/nano-banana/images", size=None, aspect_ratio="3:4", resolution="2K", count=2)).json()

    sizes = {opened((await stage.client.get(item["image_url"])).content).size for item in body["data"]}

    assert (sizes, len(body["data"])) == ({(1728, 2368)}, 2)


async def test_a_link_always_gives_the_same_bytes_and_another_link_others(stage: Stage) -> None:
    one, other = await stage.link(), await stage.link()

    first, again, second = [(await stage.client.get(url)).content for url in (one, one, other)]

    assert first == again
    assert first != second
    assert opened(first).tobytes() == opened(second).tobytes()


async def test_two_links_may_give_the_same_bytes(stage: Stage) -> None:
    one, other = await stage.link("same=1"), await stage.link("same=1")

    assert (await stage.client.get(one)).content == (await stage.client.get(other)).content


async def test_links_work_when_nothing_is_kept() -> None:
    async with playing(SandboxOptions(delay=0, cache_bytes=0)) as stage:
        url = await stage.link()

        assert (await stage.client.get(url)).content == (await stage.client.get(url)).content


async def test_a_link_dies(stage: Stage) -> None:
    url = await stage.link()

    stage.clock.advance(3599)
    alive = await stage.client.get(url)
    stage.clock.advance(1)
    dead = await stage.client.get(url)

    assert (alive.status_code, dead.status_code) == (200, 403)


async def test_a_link_may_live_for_as_long_as_it_was_told(stage: Stage) -> None:
    url = await stage.link("expire=10")

    stage.clock.advance(10)

    assert (await stage.client.get(url)).status_code == 403


async def test_a_link_may_be_dead_from_the_start(stage: Stage) -> None:
    assert (await stage.client.get(await stage.link("expired=1"))).status_code == 403


async def test_an_unknown_link_leads_nowhere(stage: Stage) -> None:
    assert (await stage.client.get("/media/unknown.png")).status_code == 404


async def test_a_link_may_fail_at_first(stage: Stage) -> None:
    url = await stage.link("flaky=2")

    assert [(await stage.client.get(url)).status_code for _ in range(3)] == [503, 503, 200]


async def test_a_link_may_redirect_as_often_as_told(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("redirect=3"), follow_redirects=True)

    assert (len(answer.history), answer.status_code) == (3, 200)
    assert answer.headers["content-type"] == "image/png"


async def test_a_link_may_redirect_to_anywhere(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("redirect_to=http://169.254.0.1/latest"))

    assert (answer.status_code, answer.headers["location"]) == (302, "http://169.254.0.1/latest")


async def test_a_link_may_lead_to_a_page(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("type=html"))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_a_file_may_be_half_of_itself(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("truncate=quiet"))

    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(OSError, match=r".+"):
        opened(answer.content)


async def test_a_file_cannot_be_cut_short_where_there_is_no_connection_to_close(stage: Stage) -> None:
    url = await stage.link("truncate=1")

    with pytest.raises(HungUpError):
        await stage.client.get(url)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [40_000, 300_000])
async def test_a_file_may_be_as_large_as_told(stage: Stage, form: str, size: int) -> None:
    answer = await stage.client.get(await stage.link(f"bytes={size}", size="1024x1024", output_format=form))

    assert size <= len(answer.content) < size * 1.05 + 200
    assert opened(answer.content).size == (1024, 1024)


async def test_a_bomb_is_small_and_claims_to_be_huge(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("bomb=1"))

    assert len(answer.content) < 100_000
    assert answer.content[16:24] == (20_000).to_bytes(4, "big") * 2


async def test_a_slow_file_comes_whole(stage: Stage) -> None:
    answer = await stage.client.get(await stage.link("slow=1000000; bytes=200000"))

    assert int(answer.headers["content-length"]) == len(answer.content)
    assert opened(answer.content).size == (128, 128)


async def test_links_may_have_a_base_of_their_own() -> None:
    async with playing(SandboxOptions(delay=0, public_url="https://files.example.com")) as stage:
        assert (await stage.link()).startswith("https://files.example.com/media/")

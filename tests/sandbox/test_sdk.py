"""The vendor's neighbours: the unmodified OpenAI SDK works against the sandbox."""

import base64

import httpx
import openai

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions
from orchestrator.sandbox.pictures import Picture, draw
from tests.sandbox.plumbing import opened, serving

PNG = draw(Picture(text="Before", width=100, height=100))


async def test_the_openai_sdk_generates_and_edits() -> None:
    async with (
        serving(create_sandbox(SandboxOptions(delay=0))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="token", max_retries=0) as client,
        httpx.AsyncClient() as web,
    ):
        made = await client.images.generate(model="gpt-image-1", prompt="a kite", size="1024x1024", n=2)
        edited = await client.images.edit(
            model="gpt-image-1", prompt="a red kite", image=[("a.png", PNG), ("b.png", PNG)], response_format="b64_json"
        )
        assert made.data is not None
        files = [(await web.get(image.url or "")).content for image in made.data]

    assert [opened(file).size for file in files] == [(1024, 1024)] * 2
    assert edited.data is not None
    assert opened(base64.b64decode(edited.data[0].b64_json or "")).size == (1024, 1024)


async def test_the_openai_sdk_raises_what_the_sandbox_refuses_with() -> None:
    async with (
        serving(create_sandbox(SandboxOptions(delay=0))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="token", max_retries=0) as client,
    ):
        raised: list[str] = []
        for code in ("too_many_requests", "forbidden", "invalid_token"):
            try:
                await client.images.generate(model="gpt-image-1", prompt=f"a kite [sandbox refuse={code}]")
            except openai.APIStatusError as error:
                raised.append(type(error).__name__)

    assert raised == ["RateLimitError", "PermissionDeniedError", "AuthenticationError"]

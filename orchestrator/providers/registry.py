"""The configured providers, by name."""

from collections.abc import Sequence

from orchestrator.domain.errors import Rejected
from orchestrator.providers.provider import Provider


class Providers:
    """Which platforms there are; the first is used where an order names none."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._default = providers[0]
        self._by_name = {provider.name: provider for provider in providers}

    def resolve(self, name: str | None) -> Provider:
        """The provider that an order means, or Rejected."""
        if name is None:
            return self._default
        if name not in self._by_name:
            known = ", ".join(sorted(self._by_name))
            raise Rejected("provider", f"{name[:100]!r} is not configured; use one of {known}, or leave it out.")
        return self._by_name[name]

    def get(self, name: str) -> Provider:
        """The provider of a task; the default one where its own was since taken out of the configuration."""
        return self._by_name.get(name, self._default)

    async def close(self) -> None:
        """Close their connections."""
        for provider in self._by_name.values():
            await provider.close()

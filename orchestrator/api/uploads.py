"""A job with files: `multipart/form-data`, taken apart while it arrives.

The form has a part `job` with the JSON of the usual request, and files in parts `image` or `image[]` (up to 16 of them,
50 MiB each) and `mask` (one, 4 MiB). Files go to scratch files on their way in, hashed; nothing is in the blob store
before the whole request is known to be right.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from dataclasses import field as _field
from functools import partial
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from orchestrator.blobs.sniff import HEAD_BYTES, sniff
from orchestrator.blobs.spool import Spool
from orchestrator.domain.errors import Rejected, TooLarge
from orchestrator.lifecycle.services import Services
from orchestrator.web.decoding import shortened
from orchestrator.web.errors import MalformedForm
from orchestrator.web.limits import batches
from orchestrator.web.state import Request

MAX_IMAGES: Final = 16
_MIB: Final = 1 << 20
_MOST: Final[Mapping[str, int]] = {"job": _MIB, "image": 50 * _MIB, "image[]": 50 * _MIB, "mask": 4 * _MIB}
"""The parts that there are, and how many bytes each may have."""
_WHOLE: Final = MAX_IMAGES * 50 * _MIB + 4 * _MIB + 2 * _MIB
_KEPT_IN_MEMORY: Final = 64 * 1024
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\"\\/]")
_UNFIT_TYPE: Final = re.compile(r"[^\x20-\x7e]")
_GENERIC: Final = frozenset({"", "application/octet-stream"})


@dataclass(slots=True, kw_only=True)
class File:
    """One file of the form, in a spool that lives as long as the form's block."""

    field: str
    filename: str
    content_type: str
    spool: Spool
    head: bytearray = _field(default_factory=bytearray)

    @property
    def name(self) -> str:
        """The input's field that it stands for."""
        return self.field.removesuffix("[]")

    def shown(self) -> dict[str, Any]:
        """What the job's `input` shows in its place."""
        return {
            "filename": self.filename,
            "content_type": self.media_type,
            "bytes": self.spool.size,
            "sha256": self.spool.sha256,
        }

    @property
    def media_type(self) -> str:
        """As it was declared; what the bytes look like where nothing was said."""
        if self.content_type not in _GENERIC:
            return self.content_type
        found = sniff(bytes(self.head))
        return "application/octet-stream" if found is None else found.content_type


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read to its end."""

    job: bytes
    files: Sequence[File]

    def shown(self) -> dict[str, Any]:
        """The files as fields of the job's `input`."""
        images = [file.shown() for file in self.files if file.name == "image"]
        masks = [file.shown() for file in self.files if file.name == "mask"]
        return {
            name: found[0] if len(found) == 1 else found
            for name, found in (("image", images), ("mask", masks))
            if found
        }


def is_form(request: Request) -> bool:
    """Whether the request says that its body is a form."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


@asynccontextmanager
async def read_form(request: Request, services: Services) -> AsyncIterator[Form]:
    """The form. Raises MalformedForm, TooLarge, or Rejected with the part's name."""
    _, options = parse_options_header(request.headers["content-type"])
    with ExitStack() as spools:
        parts = _Parts(lambda: spools.enter_context(Spool(services.blobs.scratch, max_memory=_KEPT_IN_MEMORY)))
        try:
            parser = MultipartParser(options.get(b"boundary", b""), parts.callbacks())
            async for batch in batches(request, limit=_WHOLE):
                await services.blobs.in_thread(partial(parser.write, batch))
            parser.finalize()
            if not parts.is_complete:
                raise MalformedForm("The form ends before its closing boundary.")
        except FormParserError as exc:
            raise MalformedForm(f"The form cannot be read: {exc}.") from exc
        yield parts.form()


async def store_files(services: Services, files: Sequence[File]) -> list[dict[str, Any]]:
    """Put the files into the blob store: what `Order.uploads` holds of them."""
    stored = []
    for file in files:
        key = f"uploads/{services.new_id()}"
        about = {"field": file.field, "key": key, **file.shown()}
        await services.blobs.put(key, file.spool.finish())
        stored.append(about)
    return stored


class _Parts:
    """What the parser reports, part by part."""

    def __init__(self, new_spool: Callable[[], Spool]) -> None:
        self._new_spool = new_spool
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._part: File | bytearray = bytearray()
        self._name = ""
        self._size = 0
        self._job: bytearray | None = None
        self._files: list[File] = []
        self.is_complete = False
        """Whether the closing boundary came. The parser's own end is quiet about a form that was cut off."""

    def callbacks(self) -> Any:
        """For the parser."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def form(self) -> Form:
        """The whole form, once it was read to its end."""
        if self._job is None:
            raise Rejected("job", "is required: the part with the JSON of the request.")
        empty = next((file for file in self._files if not file.spool.size), None)
        if empty is not None:
            raise Rejected(empty.field, f"the file {empty.filename!r} is empty.")
        return Form(bytes(self._job), self._files)

    def _end(self) -> None:
        self.is_complete = True

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _begin(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name, self._size = _text(options.get(b"name", b"")), 0
        if self._name not in _MOST:
            raise Rejected(shortened(self._name) or "name", f"is not a part here; the parts are {', '.join(_MOST)}.")
        if self._name == "job":
            self._part = self._job = self._fresh_job()
            return
        file = File(
            field=self._name,
            filename=_UNFIT.sub("_", _text(options.get(b"filename", b"")))[:255] or "upload",
            content_type=_UNFIT_TYPE.sub("", _text(self._headers.get(b"content-type", b"")))[:255],
            spool=self._new_spool(),
        )
        self._files.append(file)
        self._part = file
        self._check_number(file)

    def _fresh_job(self) -> bytearray:
        if self._job is not None:
            raise Rejected("job", "is there twice.")
        return bytearray()

    def _check_number(self, file: File) -> None:
        most = 1 if file.name == "mask" else MAX_IMAGES
        if sum(each.name == file.name for each in self._files) > most:
            raise Rejected(file.field, f"there may be {most} at most.")

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > _MOST[self._name]:
            raise TooLarge(f"The part {self._name} is over {_MOST[self._name]} bytes.")
        piece = data[start:end]
        if isinstance(self._part, bytearray):
            self._part += piece
            return
        if len(self._part.head) < HEAD_BYTES:
            self._part.head += piece[: HEAD_BYTES - len(self._part.head)]
        self._part.spool.write(piece)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

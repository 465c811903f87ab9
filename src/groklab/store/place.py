"""Where a store lies: a local folder, or what is under a prefix of a bucket. Imports nothing heavy."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from groklab.errors import StoreError

if TYPE_CHECKING:
    import icechunk

ACCEPTED = "give a local folder, or s3://BUCKET/PREFIX"


@dataclass(frozen=True)
class Place:
    """A local folder or file (`local`), or objects whose names begin with `key` in a bucket of object storage.

    As text it is what the user gave. Where Python takes the name of a file, as in `open` and `Path`, a local place
    can be given as it is; one in object storage raises `StoreError` there.
    """

    local: Path | None
    """The local folder or file; nothing in object storage."""
    bucket: str = ""
    """The bucket; empty for a local place."""
    key: str = ""
    """What the objects' names begin with, without slashes around it; empty for a local place, and a whole bucket."""

    @classmethod
    def of(cls, url: "str | os.PathLike[str] | Place") -> "Place":
        """The place that a text or path means. Raises `StoreError` for schemes that are not known."""
        if isinstance(url, Place):
            return url
        given = os.fspath(url)
        # pathlib makes one slash of two: a URL that went through it is understood all the same.
        scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://?", given)
        if scheme is None:
            return cls(local=Path(given))
        if scheme[1].lower() != "s3":
            raise StoreError(f"{given}: stores at {scheme[1]}:// are not supported; {ACCEPTED}")
        bucket, _, key = given[scheme.end() :].partition("/")
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]+", bucket):
            raise StoreError(f"{given} names no bucket; {ACCEPTED}")
        return cls(local=None, bucket=bucket, key="/".join(part for part in key.split("/") if part))

    @property
    def name(self) -> str:
        """The last part: of the path, or of the prefix; else the bucket."""
        return self.local.name if self.local is not None else PurePosixPath(self.bucket, self.key).name

    def is_file(self) -> bool:
        """Whether it is a local file, as kept results are."""
        return self.local is not None and self.local.is_file()

    def beside(self, name: str) -> Path:
        """Where a file about a store goes unless its user says: into its folder; here where it has none."""
        return self.local / name if self.local is not None else Path(f"{self.name}-{name}")

    def storage(self) -> "icechunk.Storage":
        """Where the Icechunk repository at this place keeps its objects. Raises `StoreError` without credentials."""
        import icechunk

        # Icechunk logs to standard output, where --json answers; every error it logs is raised as well.
        icechunk.set_logs_filter("off")
        if self.local is not None:
            return icechunk.local_filesystem_storage(str(self.local))
        from groklab.store.connection import storage

        return storage(self)

    def __truediv__(self, name: str) -> Self:
        """What is called that in it."""
        if self.local is not None:
            return type(self)(local=self.local / name)
        return type(self)(local=None, bucket=self.bucket, key=f"{self.key}/{name}".strip("/"))

    def __lt__(self, other: "Place") -> bool:
        return self._order < other._order

    def __str__(self) -> str:
        return str(self.local) if self.local is not None else f"s3://{self.bucket}/{self.key}".rstrip("/")

    def __fspath__(self) -> str:
        if self.local is None:
            raise StoreError(f"{self} is in object storage; give a local folder or file here")
        return str(self.local)

    @property
    def _order(self) -> tuple[str, ...]:
        return self.local.parts if self.local is not None else ("s3:", self.bucket, *self.key.split("/"))

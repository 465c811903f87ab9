"""What lies in object storage, asked directly: whether a repository is there, how old its newest commit is."""

import contextlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from groklab.store.connection import connection
from groklab.store.place import Place
from groklab.store.refusals import answered, code_of

TIP = "refs/branch.main/ref.json"
"""The object of an Icechunk repository that names its newest commit; whoever commits replaces it."""
MISSING = ("NoSuchKey", "404", "NotFound")
UNMET = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True)
class Tip:
    """The newest commit of a repository, from outside."""

    tag: str
    """Changes with every commit."""
    written: datetime
    """When it was made, by the storage's clock."""
    age: float
    """Seconds since then, by the storage's clock."""


def tip(repository: Place, store: Place | None = None) -> Tip | None:
    """The newest commit of the repository there; nothing where there is no repository.

    Raises `StoreError`, which names the `store` that it belongs to, where the storage refuses.
    """
    with answered(store or repository):
        try:
            # Not HEAD: its refusals do not say why.
            found = connection().client.get_object(Bucket=repository.bucket, Key=f"{repository.key}/{TIP}")
        except Exception as error:
            if code_of(error) in MISSING:
                return None
            raise
        _read_whole(found["Body"])
    written, answered_at = found["LastModified"], found["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(answered_at) if answered_at else datetime.now(UTC)
    return Tip(tag=found["ETag"], written=written, age=(now - written).total_seconds())


def _read_whole(body: Any) -> None:
    """Reads an answer's body, so that its connection serves again; one that breaks off takes nothing from its head."""
    from botocore.exceptions import BotoCoreError

    with contextlib.suppress(BotoCoreError):
        body.read()


def names(place: Place) -> list[str]:
    """What lies directly under a prefix, sorted: further prefixes, with a slash at the end, and objects."""
    start = f"{place.key}/" if place.key else ""
    found: list[str] = []
    with answered(place):
        pages: Any = connection().client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.bucket, Prefix=start, Delimiter="/"):
            found += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
            found += [entry["Key"] for entry in page.get("Contents", ())]
    return sorted(name.removeprefix(start) for name in found if name != start)


def ask(place: Place, kept: str, *, writing: bool = False) -> None:
    """Tries the storage at a place, by reading or by `writing` a small object, which is removed again.

    Raises `StoreError` where it refuses: it says why, and what is kept.
    """
    with answered(place, kept):
        client = connection().client
        if not writing:
            client.list_objects_v2(Bucket=place.bucket, Prefix=place.key, MaxKeys=1)
            return
        target = {"Bucket": place.bucket, "Key": (place / f"probe-{uuid.uuid4().hex}").key}
        client.put_object(**target, Body=b"1")
        client.delete_object(**target)


def keeps_conditions(place: Place) -> bool:
    """Whether the storage makes writes conditional when asked: on nothing being there, and on nothing being changed.

    Tried with an object of its own, which is removed again. Raises `StoreError` where nothing can be written.
    """
    target = {"Bucket": place.bucket, "Key": (place / f"batches/probe-{uuid.uuid4().hex}").key}
    with answered(place):
        client = connection().client
        client.put_object(**target, Body=b"1")
        try:
            return _unmet(client, target, IfNoneMatch="*") and _unmet(client, target, IfMatch='"of something else"')
        finally:
            client.delete_object(**target)


def _unmet(client: Any, target: dict[str, str], **condition: str) -> bool:
    try:
        client.put_object(**target, **condition, Body=b"2")
    except Exception as error:
        if code_of(error) in UNMET:
            return True
        if code_of(error) in ("NotImplemented", "501", "InvalidRequest", "InvalidArgument", "400"):
            return False
        raise
    return False


def create(repository: Place, name: str, content: bytes) -> bool:
    """Writes an object of a repository where none of that name is; whether it did."""
    with answered(repository):
        try:
            connection().client.put_object(
                Bucket=repository.bucket, Key=f"{repository.key}/{name}", Body=content, IfNoneMatch="*"
            )
        except Exception as error:
            if code_of(error) in UNMET:
                return False
            raise
    return True

"""How object storage is reached: endpoint, region and credentials from the usual places, as boto3 finds them.

These are the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL_S3`, ...), the shared files and their profiles
(`AWS_PROFILE`), single sign-on, and the roles of machines and containers. Nothing of it is kept or printed.
"""

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import icechunk

from groklab.errors import StoreError
from groklab.store.refusals import WHERE_CREDENTIALS, answered

if TYPE_CHECKING:
    from groklab.store.place import Place

FRESH = 300.0
"""Seconds after which credentials are looked up again: those of roles and of single sign-on expire."""
TRIES, CONNECT, ANSWER = 3, 10, 30
"""How often a question is asked, and the seconds that a connection and an answer may take, before the storage is said
not to be reached. Icechunk, which carries the data, tries each request ten times and waits up to 0.1 s, 0.2 s, ...,
51 s in between."""
AMAZON = re.compile(r"https://s3[.-]([a-z0-9-]+\.)?amazonaws\.com(\.cn)?/?")
"""Endpoints of Amazon itself, which Icechunk finds by the region."""


@dataclass(frozen=True)
class Connection:
    """A client of object storage, and where it reaches."""

    client: Any
    """A client of botocore for S3."""
    endpoint: str
    """The address that it asks."""
    region: str
    """The region."""
    virtual: bool
    """Whether the bucket is to stand in the name of the host, as a profile's `addressing_style` may say."""


def connection() -> Connection:
    """The connection that the environment means now. Raises `StoreError` for settings that cannot be."""
    return _connection(environment(), int(time.monotonic() / FRESH))


def environment() -> int:
    """Changes with what in the environment has a say in where object storage is, and who asks."""
    return hash(tuple(sorted((n, v) for n, v in os.environ.items() if n.startswith("AWS_") or n == "HOME")))


def storage(place: "Place") -> icechunk.Storage:
    """Where the Icechunk repository at a place keeps its objects. Raises `StoreError` without credentials."""
    found = connection()
    credentials()
    own = None if AMAZON.fullmatch(found.endpoint) else found.endpoint
    return icechunk.s3_storage(
        bucket=place.bucket,
        prefix=place.key,
        region=found.region,
        endpoint_url=own,
        allow_http=own is not None and own.startswith("http://"),
        force_path_style=own is not None and not found.virtual,
        get_credentials=credentials,
    )


def credentials() -> icechunk.S3StaticCredentials:
    """The credentials of now, for some minutes. Raises `StoreError` where there are none.

    Icechunk asks for them again when these minutes are over.
    """
    with answered():
        found = _session(environment(), int(time.monotonic() / FRESH)).get_credentials()
        if found is None:
            raise StoreError(f"there are no credentials for object storage; {WHERE_CREDENTIALS}")
        frozen = found.get_frozen_credentials()
    return icechunk.S3StaticCredentials(
        access_key_id=frozen.access_key,
        secret_access_key=frozen.secret_key,
        session_token=frozen.token,
        expires_after=datetime.now(UTC) + timedelta(seconds=FRESH),
    )


@lru_cache(maxsize=1)
def _session(environment: int, moment: int) -> Any:
    import botocore.session

    session = botocore.session.get_session()
    # Most tools read it; botocore reads AWS_DEFAULT_REGION alone.
    if region := os.environ.get("AWS_REGION"):
        session.set_config_variable("region", region)
    return session


@lru_cache(maxsize=1)
def _connection(environment: int, moment: int) -> Connection:
    with answered():
        from botocore.config import Config

        session = _session(environment, moment)
        s3 = session.get_scoped_config().get("s3") or {}
        virtual = isinstance(s3, dict) and s3.get("addressing_style") == "virtual"
        client = session.create_client(
            "s3",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": TRIES},
                connect_timeout=CONNECT,
                read_timeout=ANSWER,
                s3={"addressing_style": "virtual" if virtual else "path"},
                # Not every storage knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    region = client.meta.region_name
    return Connection(
        client=client,
        endpoint=client.meta.endpoint_url,
        region="us-east-1" if region in (None, "aws-global") else region,
        virtual=virtual,
    )

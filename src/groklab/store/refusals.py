"""What object storage answers when it refuses, or does not answer, as one line that says what to do."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from groklab.errors import Mistake, StoreError

if TYPE_CHECKING:
    from groklab.store.place import Place

WHERE_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of your shared credentials"
)
CREDENTIALS = re.compile("InvalidAccessKeyId|SignatureDoesNotMatch|Invalid.*Token|Expired.*|TokenRefreshRequired|401")
PERMISSION = re.compile("AccessDenied|AllAccessDisabled|Forbidden|AccountProblem|MethodNotAllowed|403")
FULL = re.compile(r"(?i).*quota.*|.*storage_?full|insufficient_?storage|507")
REGION = re.compile("PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint.*|301")
CLOCK = re.compile("RequestTimeTooSkewed|RequestExpired")
BUSY = re.compile("SlowDown.*|ServiceUnavailable|Throttl.*|RequestTimeout|InternalError|InternalServerError|5..")
UNABLE = re.compile("NotImplemented|501")


def refused(code: str, place: "Place", kept: str) -> str | None:
    """The one line for a refusal by its code, such as `AccessDenied`; nothing for one that says nothing to a user.

    `kept` says what is safe.
    """
    here = f"{place} ({code})"
    if CREDENTIALS.fullmatch(code):
        return f"the storage does not accept the credentials for {here}; {WHERE_CREDENTIALS}: {kept}"
    if PERMISSION.fullmatch(code):
        needs = "reading takes s3:GetObject and s3:ListBucket, writing s3:PutObject and s3:DeleteObject too"
        return f"no permission for {here}; {needs}: {kept}"
    if code == "NoSuchBucket":
        return f"there is no bucket {place.bucket} for {here}; create it, or check the name and AWS_ENDPOINT_URL_S3"
    if FULL.fullmatch(code):
        return f"no space left on {here}; free some or have its quota raised, and run the same command again: {kept}"
    if REGION.fullmatch(code):
        return f"the bucket of {here} lies in another region; set AWS_REGION to it: {kept}"
    if CLOCK.fullmatch(code):
        return f"this machine's clock differs from that of {here}; set it, and run the same command again: {kept}"
    if UNABLE.fullmatch(code):
        return f"the storage cannot do what {here} takes; ask for one with the usual operations of S3"
    if BUSY.fullmatch(code):
        return f"the storage is overloaded or out of order, {here}; run the same command again later: {kept}"
    return None


def lasting(code: str) -> bool:
    """Whether a refusal stays one, so that there is no use in trying again."""
    whole = (CREDENTIALS, PERMISSION, FULL, REGION, CLOCK)
    return code == "NoSuchBucket" or any(pattern.fullmatch(code) for pattern in whole)


def unreached(place: "Place | str", kept: str) -> str:
    """The one line for a storage that does not answer."""
    check = "check the network and AWS_ENDPOINT_URL_S3"
    return f"the storage of {place} cannot be reached; {check}, and run the same command again: {kept}"


@contextmanager
def answered(place: "Place | None" = None, kept: str = "nothing was lost") -> Generator[None]:
    """Turns what botocore raises of a question about `place`, or of credentials, into a `StoreError`.

    Raises `Mistake` where boto3 is not installed.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError
    except ImportError:
        raise Mistake("s3:// needs boto3, which is not installed: pip install 'groklab[s3]'") from None
    where = place or "object storage"
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        words = refused(code, place, kept) if place is not None else None
        raise StoreError(words or f"the storage refuses {where} ({code}); {WHERE_CREDENTIALS}: {kept}") from error
    except NoCredentialsError as error:
        raise StoreError(f"there are no credentials for {where}; {WHERE_CREDENTIALS}") from error
    except (ConnectionError, HTTPClientError) as error:
        raise StoreError(unreached(where, kept)) from error
    except (BotoCoreError, ValueError) as error:
        # Profiles that are not there, logins that have run out, files and addresses that cannot be read.
        words = " ".join(str(error).split())[:160].rstrip(".")
        raise StoreError(f"{where} cannot be asked ({words}); mend that, or {WHERE_CREDENTIALS}") from error


def code_of(error: Exception) -> str:
    """What a botocore error says the storage answered, such as `NoSuchKey`; the HTTP status where it has no word."""
    answer = getattr(error, "response", None) or {}
    status = str(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    return str(answer.get("Error", {}).get("Code") or status)


def code_in(text: str) -> str | None:
    """The code in the words of an Icechunk error, if it has one."""
    found = re.search(r'code: "(\w+)"', text) or re.search(r"unhandled error \((\w+)\)", text)
    return found[1] if found else None

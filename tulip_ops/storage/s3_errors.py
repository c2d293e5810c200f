"""From errors of boto3 to those of this project."""

from __future__ import annotations

from tulip_ops.core.errors import (
    CredentialMissing,
    CredentialRefused,
    TooManyRequests,
    TulipError,
)

_NOT_THERE = {"404", "NoSuchBucket", "NoSuchKey"}
_REFUSED = {
    "401", "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId",
    "InvalidToken", "SignatureDoesNotMatch",
}  # fmt: skip
_THROTTLED = {"429", "503", "SlowDown", "Throttling", "RequestLimitExceeded", "TooManyRequests"}
_OUTSIDE = {"416", "InvalidRange"}
_OVERTAKEN = {"409", "412", "ConditionalRequestConflict", "PreconditionFailed"}
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or the role of the machine"
)


class Overtaken(Exception):
    """Another writer has replaced the object meanwhile."""


class OutsideObject(Exception):
    """A byte range begins past the end of the object."""


def translate(
    error: Exception,
    address: str,
    *,
    service: str,
    profile: str | None,
    unavailable: type[TulipError],
) -> Exception:
    """The error to raise in the place of one of boto3, at the use of `address`.

    service: URL or name, for messages. unavailable: for a service that does not answer.
    """
    code, kind = _code(error), type(error).__name__
    for codes, expected in (
        (_NOT_THERE, FileNotFoundError),
        (_OUTSIDE, OutsideObject),
        (_OVERTAKEN, Overtaken),
    ):
        if code in codes:
            return expected(address)
    if kind in {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
        wanted = f"the AWS profile {profile!r}" if profile else _CREDENTIALS
        return CredentialMissing(f"{address}: {service} wants credentials; set {wanted}")
    if code in _REFUSED:
        return CredentialRefused(
            f"{address}: {service} refuses the credentials ({code}); check {_CREDENTIALS},"
            " and that they may use this bucket"
        )
    if code in _THROTTLED:
        return TooManyRequests(f"{address}: {service} asks for fewer requests ({code})")
    return unavailable(
        f"{address}: {service} refuses or does not answer ({error}); check"
        " TULIP_S3_ENDPOINT and the AWS_ variables of your credentials"
    )


def _code(error: BaseException | None) -> str:
    """The error code in the response of S3, which boto3's transfers wrap in errors of their own."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response["Error"]["Code"])
        error = error.__cause__ or error.__context__
    return ""

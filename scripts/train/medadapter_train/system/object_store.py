"""The object store by the S3 API: the few operations that publishing needs, with named failures.

R2 specifics (its S3 compatibility page, 2026-11): region `auto`, path-style addresses, conditional
PutObject with If-Match and If-None-Match; no CRC trailers as boto3 sends them by default, and no
full-object SHA-256 by checksum header. So checksums are "when required", Content-MD5 guards the way
up, and the SHA-256 is checked by reading back.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from medadapter_train.errors import PublishError

#: Environment variables; keys come from boto3's own chain (AWS_ACCESS_KEY_ID, ...).
ENDPOINT_VARIABLE = "MEDADAPTER_S3_ENDPOINT"
BUCKET_VARIABLE = "MEDADAPTER_S3_BUCKET"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's bytes and its entity tag (with the quotes, as HTTP has it)."""

    body: bytes
    etag: str


class PreconditionFailed(Exception):
    """The object was not as the condition wanted it: somebody else wrote it."""


class Store:
    """One bucket. Every method raises `PublishError` store_unreachable, store_refused."""

    def __init__(self, endpoint: str, bucket: str, *, attempts: int = 4) -> None:
        self.bucket = bucket
        config = Config(
            region_name="auto",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=10,
            read_timeout=60,
        )
        try:
            self._client: Any = boto3.client("s3", endpoint_url=endpoint, config=config)
        except (BotoCoreError, ValueError):
            raise PublishError("store_unreachable", "the endpoint is not a URL") from None

    @classmethod
    def from_environment(cls, endpoint: str | None, bucket: str | None) -> Store:
        """Options first, then the environment. Raises `PublishError` store_missing."""
        endpoint = endpoint or os.environ.get(ENDPOINT_VARIABLE)
        bucket = bucket or os.environ.get(BUCKET_VARIABLE)
        if not endpoint or not bucket:
            message = f"name --endpoint and --bucket, or set {ENDPOINT_VARIABLE}, {BUCKET_VARIABLE}"
            raise PublishError("store_missing", message)
        return cls(endpoint, bucket)

    def get(self, key: str) -> Stored | None:
        """The object, None where there is none."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            return Stored(answer["Body"].read(), answer["ETag"])
        except ClientError as error:
            if _status(error) == 404 and _code(error) != "NoSuchBucket":
                return None
            raise _refused(error) from None
        except BotoCoreError:
            raise _unreachable() from None

    def put(self, key: str, body: bytes, content_type: str, *, if_match: str | None = None) -> None:
        """Create the object, or replace the one with entity tag `if_match`; never anything else.

        Raises `PreconditionFailed` when it exists already, or has another tag.
        """
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ContentMD5=base64.b64encode(md5).decode(),
                Metadata={"sha256": hashlib.sha256(body).hexdigest()},
                **condition,
            )
        except ClientError as error:
            # 409: S3's answer to a conditional write that runs at the same time as another.
            if _status(error) in (409, 412) or (if_match is not None and _status(error) == 404):
                raise PreconditionFailed from None
            raise _refused(error) from None
        except BotoCoreError:
            raise _unreachable() from None

    def delete(self, key: str) -> None:
        """Remove the object; no error where there is none."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            raise _refused(error) from None
        except BotoCoreError:
            raise _unreachable() from None

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys under the prefix, in order."""
        try:
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                yield from (str(entry["Key"]) for entry in page.get("Contents", []))
        except ClientError as error:
            raise _refused(error) from None
        except BotoCoreError:
            raise _unreachable() from None


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError) -> PublishError:
    message = f"the store answered HTTP {_status(error)} ({_code(error) or 'no code'})"
    return PublishError("store_refused", message)


def _unreachable() -> PublishError:
    return PublishError("store_unreachable", "the store could not be reached")

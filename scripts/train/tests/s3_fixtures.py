"""A real S3 server (moto's, over HTTP) and a bucket on it, for every test that publishes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from bundles import BUCKET
from moto.server import ThreadedMotoServer

from medadapter_train.system.object_store import Store


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str) -> Iterator[Store]:
    store = Store(endpoint, BUCKET, attempts=2)
    store._client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "auto"}
    )
    yield store
    for key in list(store.keys("")):
        store.delete(key)
    store._client.delete_bucket(Bucket=BUCKET)

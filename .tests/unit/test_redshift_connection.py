"""Connections to Redshift: temporary credentials, verified TLS, failures told apart."""

import socket
import ssl
import threading
from datetime import UTC, datetime

import boto3
import psycopg2
import pytest
from botocore.stub import Stubber

from aws.redshift import connection, credentials
from aws.redshift.credentials import Credentials, Endpoint
from aws.redshift.errors import ConnectError

SOON = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = Credentials(user="IAM:etl", password="secret")


@pytest.fixture
def make_stub():
    stubs = []

    def make(service):
        client = boto3.client(
            service,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        stubs.append(Stubber(client))
        stubs[-1].activate()
        return client, stubs[-1]

    yield make
    for stub in stubs:
        stub.assert_no_pending_responses()


def test_workgroup_credentials_are_asked_for_15_minutes(make_stub):
    client, stub = make_stub("redshift-serverless")
    stub.add_response(
        "get_credentials",
        {"dbUser": "IAM:etl", "dbPassword": "secret", "expiration": SOON},
        {"workgroupName": "etl-local", "dbName": "etl", "durationSeconds": 900},
    )
    found = credentials.get_workgroup_credentials(
        client, workgroup_name="etl-local", database="etl"
    )
    assert found == PASSWORD
    assert "secret" not in repr(found)


def test_cluster_credentials_without_user_are_the_iam_identitys(make_stub):
    client, stub = make_stub("redshift")
    stub.add_response(
        "get_cluster_credentials_with_iam",
        {"DbUser": "IAM:etl", "DbPassword": "secret", "Expiration": SOON},
        {"ClusterIdentifier": "etl", "DbName": "dev", "DurationSeconds": 900},
    )
    found = credentials.get_cluster_credentials(client, cluster_identifier="etl", database="dev")
    assert found == PASSWORD


def test_cluster_credentials_of_a_user_do_not_create_it(make_stub):
    client, stub = make_stub("redshift")
    stub.add_response(
        "get_cluster_credentials",
        {"DbUser": "IAM:loader", "DbPassword": "secret", "Expiration": SOON},
        {
            "ClusterIdentifier": "etl",
            "DbName": "dev",
            "DbUser": "loader",
            "AutoCreate": False,
            "DurationSeconds": 900,
        },
    )
    found = credentials.get_cluster_credentials(
        client, cluster_identifier="etl", database="dev", db_user="loader"
    )
    assert found.user == "IAM:loader"


def test_endpoints_are_found_for_workgroup_and_cluster(make_stub):
    client, stub = make_stub("redshift-serverless")
    endpoint = {"address": "wg.example.com", "port": 5440}
    stub.add_response(
        "get_workgroup", {"workgroup": {"endpoint": endpoint}}, {"workgroupName": "etl-local"}
    )
    assert credentials.find_workgroup_endpoint(client, workgroup_name="etl-local") == Endpoint(
        host="wg.example.com", port=5440
    )
    client, stub = make_stub("redshift")
    stub.add_response(
        "describe_clusters",
        {"Clusters": [{"Endpoint": {"Address": "c.example.com", "Port": 5439}}]},
        {"ClusterIdentifier": "etl"},
    )
    assert credentials.find_cluster_endpoint(client, cluster_identifier="etl") == Endpoint(
        host="c.example.com", port=5439
    )


def _connect(*, host="127.0.0.1", port, **more):
    return connection.connect(
        host=host,
        port=port,
        database="etl",
        credentials=PASSWORD,
        connect_timeout_seconds=2,
        **more,
    )


def test_connect_where_nothing_listens_is_unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectError) as caught:
            _connect(port=taken.getsockname()[1])
    assert caught.value.problem == "unreachable"
    assert "secret" not in str(caught.value)


def test_connect_to_a_name_that_does_not_exist_is_unreachable():
    with pytest.raises(ConnectError) as caught:
        _connect(host="warehouse.invalid", port=5439)
    assert caught.value.problem == "unreachable"


def test_connect_to_a_server_that_never_answers_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(ConnectError, match="timeout expired") as caught:
            _connect(port=server.getsockname()[1])
    assert caught.value.problem == "unreachable"


def test_connect_to_a_server_without_tls_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer_no_tls, args=(server,), daemon=True).start()
        with pytest.raises(ConnectError) as caught:
            _connect(port=server.getsockname()[1])
    assert caught.value.problem == "certificate"


def _answer_no_tls(server):
    peer, _ = server.accept()
    with peer:
        peer.recv(8)
        peer.sendall(b"N")


def test_connect_always_verifies_certificate_and_host(monkeypatch):
    asked = {}

    def refuse(**parameters):
        asked.update(parameters)
        raise psycopg2.OperationalError("FATAL:  password authentication failed for user")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    with pytest.raises(ConnectError) as caught:
        _connect(port=5439)
    assert caught.value.problem == "password"
    assert asked["sslmode"] == "verify-full"
    assert asked["keepalives"] == 1
    # The default bundle must hold the CAs that sign Redshift's certificates.
    context = ssl.create_default_context(cafile=asked["sslrootcert"])
    issuers = [dict(pair[0] for pair in each["subject"]) for each in context.get_ca_certs()]
    assert any(issuer.get("commonName") == "Amazon Root CA 1" for issuer in issuers)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SSL error: certificate verify failed", "certificate"),
        ('server certificate for "a" does not match host name "b"', "certificate"),
        ("SSL SYSCALL error: EOF detected", "unreachable"),
        ("connection to server at x failed: timeout expired", "unreachable"),
        ('FATAL:  database "nope" does not exist', "database"),
        ("FATAL:  password authentication failed for user x", "password"),
        ("FATAL:  out of memory", "other"),
    ],
)
def test_connect_failure_is_told_apart_by_libpqs_words(monkeypatch, text, problem):
    def refuse(**_):
        raise psycopg2.OperationalError(text)

    monkeypatch.setattr(psycopg2, "connect", refuse)
    with pytest.raises(ConnectError) as caught:
        _connect(port=5439)
    assert caught.value.problem == problem

"""Who reaches the embedded Redshift, how, and what is left when it dies."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg2
import pytest
from botocore.exceptions import ClientError

from local_cloud.redshift import connection_info
from local_cloud.redshift.postgres_host import socket_folder
from local_cloud.redshift.tls import ensure_certificates

WORKGROUP = "etl-local"


def home(cloud: dict[str, str]) -> Path:
    """The folder of the cloud that a fixture runs."""
    return Path(cloud["PGSSLROOTCERT"]).parents[2]


def test_connection_info_is_all_that_psycopg2_needs(cloud: dict[str, str]) -> None:
    info = connection_info(home(cloud))
    assert (info["sslmode"], os.stat(info["password_file"]).st_mode & 0o777) == (
        "verify-full",
        0o600,
    )
    connection = psycopg2.connect(
        host=info["host"],
        port=info["port"],
        dbname=info["database"],
        user=info["user"],
        password=info["password"],
        sslmode=info["sslmode"],
        sslrootcert=info["sslrootcert"],
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, version()")
        user, version = cursor.fetchone()
    connection.close()
    assert (user, "Redshift" in version, connection.server_version) == ("awsuser", True, 80002)


REFUSED = [
    ({"password": "wrong"}, 'password authentication failed for user "awsuser"'),
    ({"user": "nobody"}, 'password authentication failed for user "nobody"'),
    ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
    ({"sslmode": "disable"}, "SSL off"),
]


@pytest.mark.parametrize(("parameters", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_login_with_something_wrong_is_refused(
    cloud: dict[str, str], parameters: dict[str, str], text: str
) -> None:
    with pytest.raises(psycopg2.OperationalError) as refused:
        psycopg2.connect(**parameters)
    assert text in str(refused.value)


def test_certificate_of_another_authority_is_not_trusted(
    cloud: dict[str, str], tmp_path: Path
) -> None:
    other = ensure_certificates(tmp_path / "tls").authority
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        psycopg2.connect(sslrootcert=str(other))


def test_certificate_is_good_for_localhost_too(cloud: dict[str, str]) -> None:
    psycopg2.connect(host="localhost").close()


def test_psql_runs_statements(cloud: dict[str, str]) -> None:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("psql is not installed")
    done = subprocess.run(
        [psql, "--no-psqlrc", "--tuples-only", "--no-align"],
        input="SELECT NVL(NULL, 'a');\nCREATE TEMP TABLE t (v INT) DISTSTYLE EVEN;\n"
        "\\d t\nSELECT 1/0;\n",
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.stdout.splitlines() == ["a", "CREATE TABLE", "v|integer|||"]
    assert done.stderr.splitlines()[0] == "ERROR:  division by zero"


# Temporary credentials ----------------------------------------------------------------------------


def test_serverless_credentials_open_the_database_they_were_made_for(
    client: Callable[[str], Any],
) -> None:
    answer = client("redshift-serverless").get_credentials(workgroupName=WORKGROUP, dbName="etl")
    login = {"user": answer["dbUser"], "password": answer["dbPassword"]}
    assert answer["dbUser"].startswith("IAM")
    assert 890 < answer["expiration"].timestamp() - time.time() <= 900
    psycopg2.connect(**login, dbname="etl").close()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**login, dbname="dev")


def test_credentials_expire(cloud: dict[str, str]) -> None:
    from local_cloud.redshift.credentials import Credentials
    from local_cloud.redshift.errors import SqlError

    class NoPostgres:
        pass

    credentials = Credentials(NoPostgres(), lambda: [])  # type: ignore[arg-type]
    issued = credentials.issue("IAM:x", seconds=-1)
    with pytest.raises(SqlError, match="password authentication failed"):
        credentials.authenticate("IAM:x", issued.password, "dev")


@pytest.fixture(scope="module")
def cluster(client: Callable[[str], Any]) -> Iterator[str]:
    """A provisioned cluster."""
    redshift = client("redshift")
    redshift.create_cluster(
        ClusterIdentifier="provisioned",
        NodeType="ra3.large",
        MasterUsername="chief",
        MasterUserPassword="Secret-1234",
        DBName="provisioned_db",
    )
    yield "provisioned"
    redshift.delete_cluster(ClusterIdentifier="provisioned", SkipFinalClusterSnapshot=True)


def test_cluster_says_where_it_really_listens(client: Callable[[str], Any], cluster: str) -> None:
    (found,) = client("redshift").describe_clusters(ClusterIdentifier=cluster)["Clusters"]
    psycopg2.connect(
        host=found["Endpoint"]["Address"],
        port=found["Endpoint"]["Port"],
        user=found["MasterUsername"],
        password="Secret-1234",
        dbname=found["DBName"],
    ).close()


def test_cluster_credentials_act_as_the_user_they_name(
    client: Callable[[str], Any], cluster: str
) -> None:
    answer = client("redshift").get_cluster_credentials(
        ClusterIdentifier=cluster, DbUser="awsuser", DbName="provisioned_db"
    )
    connection = psycopg2.connect(
        user=answer["DbUser"], password=answer["DbPassword"], dbname="provisioned_db"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert (answer["DbUser"], cursor.fetchone()) == ("IAM:awsuser", ("awsuser",))
    connection.close()


def test_cluster_credentials_of_a_missing_user_open_nothing_unless_created(
    client: Callable[[str], Any], cluster: str
) -> None:
    redshift = client("redshift")
    request = {"ClusterIdentifier": cluster, "DbUser": "newcomer"}
    answer = redshift.get_cluster_credentials(**request)
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(user=answer["DbUser"], password=answer["DbPassword"], dbname="dev")
    answer = redshift.get_cluster_credentials(**request, AutoCreate=True)
    psycopg2.connect(user=answer["DbUser"], password=answer["DbPassword"], dbname="dev").close()


def test_cluster_credentials_with_iam_are_the_callers(
    client: Callable[[str], Any], cluster: str
) -> None:
    answer = client("redshift").get_cluster_credentials_with_iam(ClusterIdentifier=cluster)
    psycopg2.connect(user=answer["DbUser"], password=answer["DbPassword"], dbname="dev").close()


def test_missing_workgroup_and_namespace_are_refused(client: Callable[[str], Any]) -> None:
    serverless = client("redshift-serverless")
    for call, arguments in (
        (serverless.get_credentials, {"workgroupName": "missing"}),
        (serverless.get_workgroup, {"workgroupName": "missing"}),
        (serverless.create_workgroup, {"workgroupName": "new", "namespaceName": "missing"}),
    ):
        with pytest.raises(ClientError) as refused:
            call(**arguments)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_workgroups_are_created_found_and_deleted(client: Callable[[str], Any]) -> None:
    serverless = client("redshift-serverless")
    serverless.create_namespace(namespaceName="spare", dbName="spare_db")
    made = serverless.create_workgroup(workgroupName="spare", namespaceName="spare")["workgroup"]
    assert made["endpoint"]["address"] == "127.0.0.1"
    with pytest.raises(ClientError, match="ConflictException"):
        serverless.create_workgroup(workgroupName="spare", namespaceName="spare")
    psycopg2.connect(port=made["endpoint"]["port"], dbname="spare_db").close()
    assert "spare" in {w["workgroupName"] for w in serverless.list_workgroups()["workgroups"]}
    serverless.delete_workgroup(workgroupName="spare")
    serverless.delete_namespace(namespaceName="spare")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        serverless.get_namespace(namespaceName="spare")


# The protocol -------------------------------------------------------------------------------------


def _run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


async def _asyncpg(cloud: dict[str, str]) -> Any:
    import asyncpg

    return await asyncpg.connect(
        host=cloud["PGHOST"],
        port=int(cloud["PGPORT"]),
        user=cloud["PGUSER"],
        password=cloud["PGPASSWORD"],
        database="dev",
        ssl=ssl.create_default_context(cafile=cloud["PGSSLROOTCERT"]),
        statement_cache_size=10,
    )


def test_extended_protocol_prepares_rewrites_and_binds(cloud: dict[str, str]) -> None:
    async def check() -> list[Any]:
        connection = await _asyncpg(cloud)
        try:
            await connection.execute(
                "CREATE TEMP TABLE t (n INT ENCODE az64, v VARCHAR(9)) DISTKEY(n)"
            )
            await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "a"), (2, None)])
            rows = await connection.fetch("SELECT n, NVL(v, $1::VARCHAR) FROM t ORDER BY n", "-")
            with pytest.raises(Exception, match='syntax error at or near "ON"'):
                await connection.fetch("INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING", 3)
            return [tuple(row) for row in rows] + [await connection.fetchval("SELECT 7")]
        finally:
            await connection.close()

    assert _run(check()) == [(1, "a"), (2, "-"), 7]


def test_copy_by_the_extended_protocol_runs_at_each_execute(
    cloud: dict[str, str], client: Callable[[str], Any]
) -> None:
    folder = "processed/extended"
    client("s3").put_object(Bucket="etl-local-processed", Key=f"{folder}/data.csv", Body=b"1\n2\n")
    role = "arn:aws:iam::123456789012:role/etl-local-redshift-copy"
    copy = f"COPY t FROM 's3://etl-local-processed/{folder}/' IAM_ROLE '{role}' CSV"

    async def check() -> tuple[Any, ...]:
        connection = await _asyncpg(cloud)
        try:
            await connection.execute("CREATE TEMP TABLE t (n INT)")
            prepared = await connection.prepare(copy)
            before = await connection.fetchval("SELECT COUNT(*) FROM t")
            await prepared.fetch()
            await prepared.fetch()
            after = await connection.fetchval("SELECT COUNT(*) FROM t")
            try:
                async with connection.transaction():
                    await prepared.fetch()
                    await (await connection.prepare(copy.replace("extended", "missing"))).fetch()
            except Exception as refused:
                message = str(refused)
            last = await connection.fetchval("SELECT COUNT(*) FROM t")
            return before, after, "does not exist" in message, last
        finally:
            await connection.close()

    assert _run(check()) == (0, 4, True, 4)


def test_running_statement_can_be_cancelled(cloud: dict[str, str]) -> None:
    connection = psycopg2.connect()
    threading.Timer(0.3, connection.cancel).start()
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.QueryCanceled):
        cursor.execute("SELECT pg_sleep(30)")
    connection.close()


def test_large_result_streams_through(cloud: dict[str, str]) -> None:
    connection = psycopg2.connect()
    with connection.cursor("large") as cursor:
        cursor.itersize = 5000
        cursor.execute("SELECT n, REPEAT('x', 100) FROM generate_series(1, 50000) AS n")
        assert sum(len(text) for _, text in cursor) == 5_000_000
    with connection.cursor() as cursor:
        cursor.execute("SELECT REPEAT('é', 2000000)")
        assert len(cursor.fetchone()[0]) == 2_000_000
    connection.close()


def test_clients_that_do_not_speak_the_protocol_are_dropped(cloud: dict[str, str]) -> None:
    import socket

    with socket.create_connection((cloud["PGHOST"], int(cloud["PGPORT"])), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert plain.recv(100) == b""
    psycopg2.connect().close()


def test_copy_by_awswrangler_upserts(cloud: dict[str, str], monkeypatch: Any) -> None:
    pytest.importorskip("redshift_connector")
    import awswrangler
    import pandas

    monkeypatch.setenv("SSL_CERT_FILE", cloud["PGSSLROOTCERT"])
    import redshift_connector

    connection = redshift_connector.connect(
        host=cloud["PGHOST"],
        port=int(cloud["PGPORT"]),
        user=cloud["PGUSER"],
        password=cloud["PGPASSWORD"],
        database="dev",
        sslmode="verify-ca",
    )
    try:
        for values in (["a", "b"], ["c", "d"]):
            awswrangler.redshift.copy(
                df=pandas.DataFrame({"id": [len(values[0]), ord(values[1])], "v": values}),
                path="s3://etl-local-processed/processed/wrangler/",
                con=connection,
                schema="public",
                table="wrangled",
                mode="upsert",
                primary_keys=["id"],
                iam_role="arn:aws:iam::123456789012:role/etl-local-redshift-copy",
                boto3_session=boto3.Session(),
            )
        found = awswrangler.redshift.read_sql_query("SELECT * FROM wrangled", con=connection)
        assert sorted(found["v"]) == ["b", "c", "d"]
    finally:
        connection.close()


# Life and death -----------------------------------------------------------------------------------


@pytest.fixture
def own_cloud(
    run_cloud: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Iterator[Path]:
    """The home of a cloud of this test's own, running."""
    path = tmp_path / "home"
    assert run_cloud(path, "up", "--bare").returncode == 0
    yield path
    run_cloud(path, "down")


def test_cloud_with_a_long_path_leaves_no_folder_of_its_socket(
    run_cloud: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    home = tmp_path / ("long" * 25)
    folder = socket_folder(home / "redshift")
    assert home not in folder.parents
    assert run_cloud(home, "up", "--bare").returncode == 0
    connection = _login(home)
    assert list(folder.iterdir())
    connection.close()
    assert run_cloud(home, "down").returncode == 0
    assert not folder.exists()


def _login(path: Path, **more: Any) -> Any:
    info = connection_info(path)
    return psycopg2.connect(
        host=info["host"],
        port=info["port"],
        dbname=info["database"],
        user=info["user"],
        password=info["password"],
        sslmode=info["sslmode"],
        sslrootcert=info["sslrootcert"],
        **more,
    )


def _processes(path: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if str(path / "redshift") in " ".join(process.info["cmdline"] or ())
        or (process.info["cwd"] or "").startswith(str(path / "redshift"))
    ]


def test_killed_cloud_leaves_no_postgresql_and_loses_no_commit(
    own_cloud: Path, run_cloud: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    connection = _login(own_cloud)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (v INT); INSERT INTO kept VALUES (7)")
        connection.commit()
        cursor.execute("INSERT INTO kept VALUES (8)")
    busy = _login(own_cloud)
    threading.Thread(target=_ignore, args=(busy, "SELECT pg_sleep(600)"), daemon=True).start()
    time.sleep(0.3)
    daemon = int((own_cloud / "lock").read_text())
    assert _processes(own_cloud)
    os.kill(daemon, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _processes(own_cloud) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes(own_cloud) == []
    assert run_cloud(own_cloud, "up", "--bare").returncode == 0
    connection = _login(own_cloud)
    with connection.cursor() as cursor:
        cursor.execute("SELECT v FROM kept")
        assert cursor.fetchall() == [(7,)]
    connection.close()


def _ignore(connection: Any, sql: str) -> None:
    try:
        connection.cursor().execute(sql)
    except psycopg2.Error:
        return


def test_stale_lock_of_a_number_that_another_process_got_is_no_obstacle(
    own_cloud: Path, run_cloud: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    _login(own_cloud).close()
    run_cloud(own_cloud, "down")
    lock = own_cloud / "redshift" / "data" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{own_cloud}/redshift/data\n1\n5432\n\n\n")
    assert run_cloud(own_cloud, "up", "--bare").returncode == 0
    _login(own_cloud).close()


def test_port_and_data_are_there_again_after_down_and_up(
    own_cloud: Path, run_cloud: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    port = connection_info(own_cloud)["port"]
    run_cloud(own_cloud, "down")
    assert _processes(own_cloud) == []
    run_cloud(own_cloud, "up", "--bare")
    assert connection_info(own_cloud)["port"] == port
    _login(own_cloud).close()


def test_import_connects_nothing() -> None:
    code = "import local_cloud.redshift, threading; print(threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": "src"},
    )
    assert done.stdout == "1\n", done.stderr

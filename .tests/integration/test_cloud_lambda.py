"""The embedded cloud's Lambda: real processes, held to the limits that AWS sets."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.functions import make_role, zipped

CODE = '''
import importlib.util, logging, os, sys, time

calls = 0

class OutOfStockError(Exception):
    """An error of the function's own."""

def handle(event, context):
    global calls
    calls += 1
    print("event", event)
    logging.getLogger().warning("warned")
    return globals()[event.get("do", "describe")](event, context)

def describe(event, context):
    return {
        "calls": calls,
        "pid": os.getpid(),
        "setting": os.environ.get("SETTING"),
        "arn": context.invoked_function_arn,
        "left_ms": context.get_remaining_time_in_millis(),
    }

def fail(event, context):
    raise OutOfStockError("no more")

def sleep(event, context):
    time.sleep(60)

def leave(event, context):
    os._exit(7)

def hoard(event, context):
    kept = []
    while True:
        kept.append(b"x" * 20_000_000)
        time.sleep(0.01)

def find(event, context):
    return [name for name in event["names"] if importlib.util.find_spec(name)]

def much(event, context):
    return "x" * 7_000_000

def whoami(event, context):
    import boto3
    return boto3.client("sts").get_caller_identity()["Arn"]
'''


@pytest.fixture(scope="module")
def functions(client: Callable[[str], Any]) -> Any:
    return client("lambda")


@pytest.fixture(scope="module")
def role(client: Callable[[str], Any]) -> str:
    return make_role(client, "shop-function")


@pytest.fixture(scope="module")
def shop(functions: Any, role: str) -> Iterator[str]:
    functions.create_function(
        FunctionName="shop",
        Role=role,
        Runtime="python3.12",
        Handler="shop.handle",
        Code={"ZipFile": zipped(CODE)},
        Timeout=2,
        MemorySize=192,
        Environment={"Variables": {"SETTING": "from the environment"}},
    )
    yield "shop"
    functions.delete_function(FunctionName="shop")


def invoke(functions: Any, name: str, event: Any, **more: Any) -> tuple[Any, dict[str, Any]]:
    """The payload, and all of the response."""
    response = functions.invoke(
        FunctionName=name, Payload=json.dumps(event), LogType="Tail", **more
    )
    content = response["Payload"].read()
    return json.loads(content) if content else None, response


def test_invoke_warm_reuses_the_process(functions: Any, shop: str) -> None:
    first, response = invoke(functions, shop, {})
    second, _ = invoke(functions, shop, {})
    assert response["StatusCode"] == 200 and "FunctionError" not in response
    assert first["setting"] == "from the environment"
    assert first["arn"].endswith(":function:shop")
    assert 0 < first["left_ms"] <= 2000
    assert (second["pid"], second["calls"]) == (first["pid"], first["calls"] + 1)


def test_invoke_that_raises_gives_the_error_and_its_class(functions: Any, shop: str) -> None:
    payload, response = invoke(functions, shop, {"do": "fail"})
    assert response["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("OutOfStockError", "no more")
    assert any("in fail" in frame for frame in payload["stackTrace"])
    log = base64.b64decode(response["LogResult"]).decode()
    assert "OutOfStockError: no more" in log and "REPORT RequestId" in log


def test_invoke_past_its_timeout_is_stopped(functions: Any, shop: str) -> None:
    payload, response = invoke(functions, shop, {"do": "sleep"})
    assert response["FunctionError"] == "Unhandled"
    assert "Task timed out after 2.00 seconds" in payload["errorMessage"]


def test_invoke_past_its_memory_is_killed(functions: Any, shop: str) -> None:
    payload, response = invoke(functions, shop, {"do": "hoard"})
    assert response["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in payload["errorMessage"]


def test_invoke_that_exits_says_so_and_the_next_one_works(functions: Any, shop: str) -> None:
    payload, _ = invoke(functions, shop, {"do": "leave"})
    assert payload["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in payload["errorMessage"]
    assert invoke(functions, shop, {})[0]["calls"] == 1


def test_invoke_sees_the_sdk_but_nothing_else_of_this_machine(functions: Any, shop: str) -> None:
    names = ["json", "boto3", "moto", "pyarrow", "prefect", "psutil", "local_cloud", "etl"]
    found, _ = invoke(functions, shop, {"do": "find", "names": names})
    assert found == ["json", "boto3"]


def test_invoke_calls_aws_as_the_functions_role(functions: Any, shop: str) -> None:
    arn, _ = invoke(functions, shop, {"do": "whoami"})
    assert arn == "arn:aws:sts::123456789012:assumed-role/shop-function/shop"


def test_invoke_with_too_much_in_or_out_is_refused(functions: Any, shop: str) -> None:
    payload, response = invoke(functions, shop, {"do": "much"})
    assert response["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Function.ResponseSizeTooLarge"
    with pytest.raises(ClientError, match="RequestTooLarge"):
        invoke(functions, shop, {"filler": "x" * 7_000_000})


def test_invoke_as_event_returns_at_once_and_its_log_follows(
    functions: Any, shop: str, client: Callable[[str], Any]
) -> None:
    _, response = invoke(functions, shop, {"mark": "later-on"}, InvocationType="Event")
    assert response["StatusCode"] == 202
    logs, deadline, messages = client("logs"), time.monotonic() + 20, ""
    while "later-on" not in messages and time.monotonic() < deadline:
        time.sleep(0.1)
        found = logs.filter_log_events(logGroupName="/aws/lambda/shop")["events"]
        messages = "\n".join(event["message"] for event in found)
    assert "later-on" in messages and "[WARNING]" in messages


def test_update_of_code_or_configuration_reaches_the_next_invocation(
    functions: Any, role: str
) -> None:
    code = "def handle(event, context): return {}"
    functions.create_function(
        FunctionName="changing",
        Role=role,
        Runtime="python3.12",
        Handler="shop.handle",
        Code={"ZipFile": zipped(code.format("'old'"))},
    )
    assert invoke(functions, "changing", {})[0] == "old"
    functions.update_function_code(FunctionName="changing", ZipFile=zipped(code.format("'new'")))
    assert invoke(functions, "changing", {})[0] == "new"
    functions.update_function_configuration(FunctionName="changing", Handler="absent.handle")
    payload, _ = invoke(functions, "changing", {})
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert "Unable to import module 'absent'" in payload["errorMessage"]
    functions.update_function_configuration(FunctionName="changing", Handler="shop.absent")
    payload, _ = invoke(functions, "changing", {})
    assert payload["errorType"] == "Runtime.HandlerNotFound"


def test_layer_is_on_the_functions_path(functions: Any, role: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("python/shared_words.py", "GREETING = 'hello'")
    layer = functions.publish_layer_version(
        LayerName="words", Content={"ZipFile": archive.getvalue()}
    )
    functions.create_function(
        FunctionName="layered",
        Role=role,
        Runtime="python3.12",
        Handler="shop.handle",
        Layers=[layer["LayerVersionArn"]],
        Code={
            "ZipFile": zipped(
                "import shared_words\ndef handle(event, context): return shared_words.GREETING"
            )
        },
    )
    assert invoke(functions, "layered", {})[0] == "hello"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip"),
        ({"Code": {"S3Bucket": "etl-local-artifacts", "S3Key": "absent.zip"}}, "NoSuchKey"),
        ({"Runtime": "nodejs22.x"}, "not nodejs22.x"),
    ],
)
def test_create_function_that_cannot_run_is_refused(
    functions: Any, role: str, change: dict[str, Any], message: str
) -> None:
    request = {
        "FunctionName": "refused",
        "Role": role,
        "Runtime": "python3.12",
        "Handler": "shop.handle",
        "Code": {"ZipFile": zipped("")},
    }
    with pytest.raises(ClientError, match=message):
        functions.create_function(**(request | change))

"""Dead letters: listed with their causes, sent again, and never lost between two queues."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.processing import event_body

from etl import redrive_command
from etl.__main__ import main
from etl.errors import ProcessingError, UsageError
from etl.redrive import list_dead_letters, redrive
from etl.settings import Processor, load_settings

QUEUES = Processor(queue_name="incoming", dead_letter_queue_name="dead")
SAID = {"failed_at": "2026-01-02T03:04:05Z", "receive_count": "3"}


class Letters:
    """Two queues; three dead letters, the last one without a word from the processor."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="incoming")["QueueUrl"]
        self.dead_url = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.bodies = [event_body(f"incoming/sales/{name}.csv") for name in "abc"]
        for name, body in zip("ab", self.bodies, strict=False):
            said = SAID | {"cause": f"{name} is bad", "source_key": f"incoming/sales/{name}.csv"}
            self.bury(body, said)
        self.bury(self.bodies[2], {})

    def bury(self, body: str, said: dict[str, str]) -> None:
        attributes = {k: {"DataType": "String", "StringValue": v} for k, v in said.items()}
        self.sqs.send_message(
            QueueUrl=self.dead_url, MessageBody=body, MessageAttributes=attributes
        )

    def count(self, url: str) -> int:
        """Messages that can be received."""
        name = "ApproximateNumberOfMessages"
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(found["Attributes"][name])


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Iterator[Letters]:
    with mock_aws():
        monkeypatch.setattr("aws.sqs.messages._WAIT_SECONDS", 0)
        yield Letters()


def test_list_dead_letters_say_what_failed_and_stay(letters: Letters) -> None:
    found = list_dead_letters(letters.sqs, QUEUES)
    assert [each.source_key for each in found] == [f"incoming/sales/{name}.csv" for name in "abc"]
    assert [each.cause for each in found[:2]] == ["a is bad", "b is bad"]
    assert (found[0].failed_at, found[0].receive_count) == ("2026-01-02T03:04:05Z", 3)
    assert found[2].cause == "no cause recorded: see the function's log"
    assert letters.count(letters.dead_url) == 3, "they are not hidden any more"
    assert list_dead_letters(letters.sqs, QUEUES)[:2] == found[:2]


def test_redrive_all_are_sent_again(letters: Letters) -> None:
    assert len(redrive(letters.sqs, QUEUES)) == 3
    assert (letters.count(letters.url), letters.count(letters.dead_url)) == (3, 0)
    received = letters.sqs.receive_message(QueueUrl=letters.url, MaxNumberOfMessages=10)
    assert sorted(each["Body"] for each in received["Messages"]) == sorted(letters.bodies)
    assert redrive(letters.sqs, QUEUES) == []


def test_redrive_one_leaves_the_others(letters: Letters) -> None:
    chosen = list_dead_letters(letters.sqs, QUEUES)[1]
    sent = redrive(letters.sqs, QUEUES, message_ids=[chosen.message_id])
    assert [each.source_key for each in sent] == ["incoming/sales/b.csv"]
    assert (letters.count(letters.url), letters.count(letters.dead_url)) == (1, 2)
    with pytest.raises(UsageError, match=f"no dead letter {chosen.message_id}"):
        redrive(letters.sqs, QUEUES, message_ids=[chosen.message_id])
    assert letters.count(letters.dead_url) == 2


@pytest.mark.parametrize(("operation", "resent"), [("SendMessage", 0), ("DeleteMessage", 1)])
def test_redrive_that_is_stopped_loses_nothing(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, operation: str, resent: int
) -> None:
    call = type(letters.sqs)._make_api_call

    def stop(name: str, arguments: dict[str, Any]) -> Any:
        if name == operation:
            raise KeyboardInterrupt
        return call(letters.sqs, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(letters.sqs, "_make_api_call", stop)
        with pytest.raises(KeyboardInterrupt):
            redrive(letters.sqs, QUEUES)
    assert (letters.count(letters.url), letters.count(letters.dead_url)) == (resent, 3)
    assert len(redrive(letters.sqs, QUEUES)) == 3


class Rounds:
    """A queue of many messages, which a receiver needs longer to go through than it hides them."""

    def __init__(self, count: int, *, seconds_a_call: float) -> None:
        self.waiting = deque((0.0, f"m{number}") for number in range(count))
        self.now, self.seconds_a_call, self.calls = 0.0, seconds_a_call, 0
        self.handles: dict[str, str] = {}
        self.sent: list[str] = []
        self.returned: set[str] = set()
        self.sent_at = 0.0

    def get_queue_url(self, QueueName: str) -> dict[str, str]:
        return {"QueueUrl": QueueName}

    def receive_message(self, *, VisibilityTimeout: int, **_: Any) -> dict[str, Any]:
        self.now += self.seconds_a_call
        self.calls += 1
        assert self.calls < 1000, "no end"
        found = []
        while self.waiting and self.waiting[0][0] <= self.now and len(found) < 10:
            _, name = self.waiting.popleft()
            self.waiting.append((self.now + VisibilityTimeout, name))
            self.handles[name] = f"{name} {self.now}"
            system = {"SentTimestamp": f"{self.sent_at * 1000:.0f}", "ApproximateReceiveCount": "1"}
            found.append(
                {
                    "MessageId": name,
                    "ReceiptHandle": self.handles[name],
                    "Body": name,
                    "Attributes": system,
                }
            )
        return {"Messages": found}

    def change_message_visibility(self, *, ReceiptHandle: str, **_: Any) -> None:
        if ReceiptHandle in self.handles.values():
            self.returned.add(ReceiptHandle.split()[0])

    def send_message(self, *, MessageBody: str, **_: Any) -> dict[str, str]:
        self.sent.append(MessageBody)
        return {"MessageId": f"sent {MessageBody}"}

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:
        name = ReceiptHandle.split()[0]
        assert self.handles.pop(name) == ReceiptHandle
        self.waiting = deque(each for each in self.waiting if each[1] != name)


def test_listing_of_letters_that_come_again_ends_and_returns_them_all() -> None:
    queue: Any = Rounds(100, seconds_a_call=15)
    found = list_dead_letters(queue, QUEUES)
    assert len(found) == 100
    assert {each.message_id for each in found} == queue.returned


def test_redrive_of_all_sends_each_once_however_long_it_takes() -> None:
    queue: Any = Rounds(200, seconds_a_call=15)
    assert len(redrive(queue, QUEUES)) == 200
    assert sorted(queue.sent) == sorted(f"m{number}" for number in range(200))
    assert not queue.waiting


def test_redrive_of_all_leaves_what_is_given_up_once_more_meanwhile() -> None:
    queue: Any = Rounds(20, seconds_a_call=1)
    queue.sent_at = datetime.now(UTC).timestamp() + 60
    assert redrive(queue, QUEUES) == []
    assert len(queue.waiting) == len(queue.returned) == 20


def test_redrive_queue_that_is_missing_is_named(letters: Letters) -> None:
    with pytest.raises(ProcessingError, match="there is no queue elsewhere"):
        list_dead_letters(letters.sqs, Processor(dead_letter_queue_name="elsewhere"))


def test_redrive_command_lists_and_sends(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings("local").model_copy(update={"processor": QUEUES})
    monkeypatch.setattr(redrive_command, "enter", lambda environment, assume_role: settings)
    assert main(["redrive"]) == 0
    shown = capsys.readouterr().out
    assert "a is bad" in shown and "incoming/sales/c.csv" in shown
    assert shown.endswith("dead letters: 3\n")
    assert main(["redrive", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["dead_letters"]
    assert {each["cause"] for each in listed} >= {"a is bad", "b is bad"}
    assert main(["redrive", "--message-id", listed[0]["message_id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"][0]["cause"] == listed[0]["cause"]
    assert main(["redrive", "--all"]) == 0
    assert capsys.readouterr().out.endswith("sent again: 2\n")
    assert main(["redrive", "--all"]) == 0
    assert capsys.readouterr().out == "sent again: none\n"
    assert main(["redrive", "--message-id", "unknown"]) == 2

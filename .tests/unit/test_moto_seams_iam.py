"""What the embedded cloud's IAM takes from inside moto, which promises none of it."""

from __future__ import annotations

import inspect
from typing import Any

import moto.iam.models as iam
import moto.s3.models as s3
import pytest
from moto.athena.models import AthenaBackend
from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage
from moto.awslambda.policy import Policy
from moto.core.base_backend import AccountSpecificBackend
from moto.kms.models import Key, KmsBackend
from moto.s3.responses import S3Response
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend
from moto.sns.models import SNSBackend, Topic
from moto.sqs.models import Queue, SQSBackend
from moto.sts.models import AssumedRole, STSBackend


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        (iam.Role, "policies managed_policies permissions_boundary_arn"),
        (iam.Role, "assume_role_policy_document id name path"),
        (iam.User, "policies managed_policies access_keys id name path"),
        (iam.Group, "policies managed_policies"),
        (iam.Policy, "default_version_id versions"),
        (iam.PolicyVersion, "document version_id"),
        (iam.IAMBackend, "roles users managed_policies"),
        (AssumedRole, "role_arn session_name policy access_key_id"),
        (s3.S3Backend, "buckets"),
        (s3.FakeBucket, "policy keys"),
        (AthenaBackend, "executions named_queries"),
        (LambdaBackend, "_lambdas _event_source_mappings"),
        (LambdaStorage, "_functions"),
        (LambdaFunction, "policy"),
        (Policy, "statements"),
        (KmsBackend, "keys"),
        (Key, "policy"),
        (SecretsManagerBackend, "secrets"),
        (FakeSecret, "arn policy"),
        (SNSBackend, "topics"),
        (SQSBackend, "queues"),
    ],
)
def test_attribute_is_set_when_something_is_made(kind: Any, attributes: str) -> None:
    made = inspect.getsource(kind.__init__)
    assert [name for name in attributes.split() if f"self.{name}" not in made] == []


def test_policies_of_queues_and_topics_are_texts() -> None:
    assert isinstance(inspect.getattr_static(Queue, "policy"), property)
    assert isinstance(inspect.getattr_static(Topic, "policy"), property)


def test_keys_and_aliases_are_looked_up_by_name() -> None:
    assert list(inspect.signature(KmsBackend.get_key_id_from_alias).parameters)[1:] == [
        "alias_name"
    ]
    lookup = inspect.signature(STSBackend.get_assumed_role_from_access_key)
    assert list(lookup.parameters)[1:] == ["access_key_id"]


def test_groups_are_looked_up_by_their_members_name() -> None:
    lookup = inspect.signature(iam.IAMBackend.get_groups_for_user)
    assert list(lookup.parameters)[1:] == ["user_name"]


def test_backend_is_looked_at_without_the_journal() -> None:
    assert AccountSpecificBackend.get is dict.get


def test_deletions_ask_the_bucket_for_each_object() -> None:
    assert list(inspect.signature(s3.FakeBucket.get_permission).parameters)[1:] == [
        "action",
        "resource",
    ]
    source = inspect.getsource(S3Response._bucket_response_delete_keys)
    assert '''bucket.get_permission(
                    "s3:DeleteObject", f"arn:aws:s3:::{bucket_name}/{obj['Key']}"''' in source

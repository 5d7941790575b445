"""Automations that tell what a flow's own hook cannot: runs that crashed, and runs that are late.

A run that fails tells of itself (etl.alerts). Of one whose process died, and of one that nobody has
started, only Prefect's server knows, or Cloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.types import SecretDict
from pydantic import SecretStr

from etl.settings import Settings

_DEPLOYMENT = "{{ flow.name }}/{{ deployment.name }}"


@dataclass(frozen=True)
class _News:
    """A state that is told, with what Prefect fills in as it tells it."""

    state: str
    description: str
    title: str
    cause: str


_NEWS = (
    _News(
        state="Crashed",
        description="The process of a run died: its machine, its memory, or somebody ended it.",
        title=f"{_DEPLOYMENT} crashed",
        cause="{{ flow_run.state.message }}",
    ),
    _News(
        state="Late",
        description="A run is due, and no worker has started it.",
        title=f"{_DEPLOYMENT} is late",
        cause="due at {{ flow_run.expected_start_time }}; no worker of its pool has started it",
    ),
)


def put_automations(client: SyncPrefectClient, settings: Settings, webhook_url: str) -> list[str]:
    """Create the automations or bring them up to date; their names."""
    block = Webhook(
        url=SecretStr(webhook_url), headers=SecretDict({"Content-Type": "application/json"})
    )
    block_id = UUID(str(block.save(f"{settings.name}-alerts", overwrite=True)))
    names = []
    for news in _NEWS:
        wanted = _automation(settings, news, block_id)
        found = client.read_automations_by_name(wanted.name)
        if found:
            client.update_automation(found[0].id, wanted)
        else:
            client.create_automation(wanted)
        names.append(wanted.name)
    return names


def _automation(settings: Settings, news: _News, block_id: UUID) -> AutomationCore:
    return AutomationCore(
        name=f"{settings.name}: {news.state.lower()} runs",
        description=news.description,
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={f"prefect.flow-run.{news.state}"},
            match_related={
                "prefect.resource.role": "tag",
                "prefect.resource.id": f"prefect.tag.env:{settings.environment}",
            },
            for_each={"prefect.resource.id"},
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=block_id, payload=_payload(settings, news))],
    )


def _payload(settings: Settings, news: _News) -> str:
    """The template of the JSON that Slack's webhooks take, worded as etl.alerts does."""
    text = (
        f"{news.title} in {settings.environment}\n\n"
        f"where: environment {settings.environment}, deployment {_DEPLOYMENT},"
        " run {{ flow_run.id }}\n"
        f"cause: {news.cause}\n"
        "next:  {{ flow_run | ui_url }}"
    )
    return "{% set text %}" + text + '{% endset %}{"text": {{ text | tojson }}}'

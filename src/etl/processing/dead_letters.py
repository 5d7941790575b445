"""Tell of messages that have ended among the dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from aws.clients import AwsConfig
from etl.alerts import dead_letter_alert, send_alert
from etl.processing.batch import Failure
from etl.processing.options import ProcessorOptions


def tell_of_dead_letters(
    dead: Sequence[Failure], *, options: ProcessorOptions, aws: AwsConfig
) -> bool:
    """Send one alert for all of a batch; whether it was sent."""
    first, others = dead[0], len(dead) - 1
    alert = dead_letter_alert(
        environment=options.environment,
        queue=options.queue_url.rpartition("/")[2],
        cause=first.cause + (f" (and {others} more)" if others else ""),
        source_key=first.key,
    )
    topic, form = options.alert_topic or None, options.alert_format
    return send_alert(alert, topic=topic, format=form, aws=aws)

"""The organisations that are there get the event names that a new one begins with."""

from django.db import migrations

SEEDED = (
    "page_view",
    "quickstart_started",
    "quickstart_completed",
    "reasoning_trace_viewed",
    "assistive_variant_viewed",
    "assistive_audio_played",
    "evidence_artifact_requested",
    "demo_interaction",
    "cta_clicked",
)


def seed(apps, schema_editor):
    event_name = apps.get_model("analytics", "EventName")
    for organization in apps.get_model("accounts", "Organization").objects.all():
        event_name.objects.bulk_create([event_name(organization=organization, name=name) for name in SEEDED])


class Migration(migrations.Migration):
    dependencies = [("analytics", "0004_events")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

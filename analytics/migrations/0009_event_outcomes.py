"""Counts of events by the day beside those by the hour, and counts of what became of events."""

from datetime import UTC

from django.db import migrations, models
from django.db.models.functions import TruncDay

HOUR, DAY = 3600, 86_400


def sum_up(apps, schema_editor):
    """Makes the days of the hours that are there."""
    event_count = apps.get_model("analytics", "EventCount")
    of = ("project_id", "name", "day")
    rows = event_count.objects.annotate(day=TruncDay("start", tzinfo=UTC)).order_by(*of).values_list(*of)
    event_count.objects.bulk_create(
        [
            event_count(project_id=project_id, width=DAY, start=day, name=name, count=count)
            for project_id, name, day, count in rows.annotate(sum=models.Sum("count"))
        ],
        batch_size=1000,
    )


def leave_hours(apps, schema_editor):
    apps.get_model("analytics", "EventCount").objects.filter(width=DAY).delete()


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_pruned")]

    operations = [
        migrations.CreateModel(
            name="EventOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.CharField(max_length=64, verbose_name="project")),
                ("width", models.PositiveIntegerField(choices=[(HOUR, "Hour"), (DAY, "Day")])),
                ("start", models.DateTimeField()),
                ("count", models.PositiveBigIntegerField()),
                ("outcome", models.CharField(max_length=64)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=["project_id", "width", "start", "outcome"], name="analytics_eventoutcome_once"
                    )
                ],
            },
        ),
        migrations.RemoveConstraint(model_name="eventcount", name="analytics_eventcount_once"),
        migrations.RenameField(model_name="eventcount", old_name="hour", new_name="start"),
        migrations.AddField(
            model_name="eventcount",
            name="width",
            field=models.PositiveIntegerField(choices=[(HOUR, "Hour"), (DAY, "Day")], default=HOUR),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="eventcount",
            constraint=models.UniqueConstraint(
                fields=["project_id", "width", "start", "name"], name="analytics_eventcount_once"
            ),
        ),
        migrations.RunPython(sum_up, leave_hours),
    ]

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_accounts"),
        ("api", "0001_catalog"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelPermissions",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "mode",
                    models.CharField(
                        choices=[("allow_list", "Only these"), ("deny_list", "All but these")], max_length=10
                    ),
                ),
                ("model_ids", models.JSONField(blank=True, default=list, verbose_name="models")),
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="model_permissions",
                        to="accounts.project",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "model permissions",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(mode__in=["allow_list", "deny_list"]), name="model_permissions_mode_known"
                    )
                ],
            },
        ),
    ]

"""What was pruned, until it is on the audit log."""

from collections.abc import Mapping

from django.db import connection, models

from analytics.models.usage import ID_LENGTH, WORD_LENGTH

ADDING = (
    'INSERT INTO analytics_pruned ("table", project_id, count) VALUES (%s, %s, %s) '
    'ON CONFLICT ("table", project_id) DO UPDATE SET count = analytics_pruned.count + excluded.count'
)


class Pruned(models.Model):
    """How many rows of a table and project a run of `prune` has deleted so far. Counted in the transaction that deletes
    them, so that it is right wherever a run is cut off. Gone once it is on the audit log."""

    table = models.CharField(max_length=WORD_LENGTH)
    project_id = models.CharField(max_length=ID_LENGTH, blank=True)
    count = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(name="analytics_pruned_once", fields=["table", "project_id"]),)

    def __str__(self) -> str:
        return f"{self.count} {self.table} of {self.project_id or 'nobody'}"

    @classmethod
    def add(cls, table: str, counts: Mapping[str, int]) -> None:
        """Adds how many there were of each project, in one order: runs at the same time wait for each other."""
        with connection.cursor() as cursor:
            cursor.executemany(ADDING, [(table, project_id, count) for project_id, count in sorted(counts.items())])

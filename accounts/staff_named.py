"""Staff pages of rows that name their project by its public id, and refer to no table: what happened in it."""

from typing import Any

from django.db.models import Q

from accounts.models import Project
from accounts.reach import Reach, Verb, condition
from accounts.staff import StaffPage


class NamingProjects(StaffPage):
    """For whoever may do in that project what the first of `rights` says, which leads from the project itself."""

    def sees(self, reach: Reach, verb: Verb) -> Q:
        if reach.everything:
            return Q()
        places = Project.objects.filter(condition(self.rights, reach, verb))
        return Q(project_id__in=places.order_by().values("public_id"))

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        if reach.everything:
            return True
        home = Project.objects.filter(condition(self.rights, reach, verb), public_id=row.project_id)
        return home.exists()

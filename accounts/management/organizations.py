"""What commands have in common that name an organisation."""

from django.core.management.base import CommandError

from accounts.models import Organization


def find_organization(text: str) -> str:
    """Returns the public id of the organisation with this id or slug. Raises CommandError where there is none."""
    organizations = Organization.objects.all()
    found = organizations.filter(public_id=text).first() or organizations.filter(slug=text).first()
    if found is None:
        raise CommandError(f"There is no organisation {text!r}.")
    return found.public_id

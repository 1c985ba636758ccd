"""unfold's admin classes under the types of Django's, which they extend: unfold itself has none, and Django's generic
classes cannot be subscripted at run time."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib import admin
    from django.contrib.auth.admin import UserAdmin
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from django.forms import CheckboxSelectMultiple, Textarea

    DjangoUserAdmin = UserAdmin[Any]
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxSelectMultiple
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea

__all__ = [
    "AdminPasswordChangeForm",
    "CheckboxSelectMultiple",
    "DjangoUserAdmin",
    "ModelAdmin",
    "TabularInline",
    "Textarea",
    "UserChangeForm",
    "UserCreationForm",
]

"""unfold's admin classes under the types of Django's, which they extend: unfold itself has none, and Django's generic
classes cannot be subscripted at run time."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib import admin
    from django.contrib.admin.options import BaseModelAdmin
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from django.core.paginator import Paginator as DjangoPaginator
    from django.forms import CheckboxInput as BooleanSwitch
    from django.forms import CheckboxSelectMultiple, NumberInput, Select, SelectMultiple, Textarea

    BUTTON: Any
    BaseAdmin = BaseModelAdmin[Any]
    ModelAdmin = admin.ModelAdmin[Any]
    Paginator = DjangoPaginator[Any]
    StackedInline = admin.StackedInline[Any, Any]
    TabularInline = admin.TabularInline[Any, Any]

    class DjangoUserAdmin(admin.ModelAdmin[Any]):
        add_fieldsets: Any
        add_form: Any
        change_password_form: Any

else:
    from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
    from django.core.paginator import Paginator
    from unfold.admin import ModelAdmin, StackedInline, TabularInline
    from unfold.enums import ActionVariant
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxSelectMultiple
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as NumberInput
    from unfold.widgets import UnfoldAdminSelect2MultipleWidget as SelectMultiple
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldBooleanSwitchWidget as BooleanSwitch

    BUTTON = ActionVariant.DEFAULT
    BaseAdmin = object

__all__ = [
    "BUTTON",
    "AdminPasswordChangeForm",
    "BaseAdmin",
    "BooleanSwitch",
    "CheckboxSelectMultiple",
    "DjangoUserAdmin",
    "ModelAdmin",
    "NumberInput",
    "Paginator",
    "Select",
    "SelectMultiple",
    "StackedInline",
    "TabularInline",
    "Textarea",
    "UserChangeForm",
    "UserCreationForm",
]

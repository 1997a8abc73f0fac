from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

SUPERUSERS_ALONE = ("is_superuser", "user_permissions")

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    """Administrators give roles; only a superuser makes a superuser, or touches one."""

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else [*fields, *SUPERUSERS_ALONE]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        own = request.user.is_superuser or not (obj and obj.is_superuser)
        return own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        """Nobody is deleted: what they did names them. They are made inactive."""
        return False

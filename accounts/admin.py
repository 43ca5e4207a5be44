"""The operator's view of who is here."""

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from unfold.admin import ModelAdmin, TabularInline

from accounts.models import (
    Announcement,
    ApiKey,
    AuditEntry,
    Budget,
    Credential,
    Invitation,
    Limit,
    Membership,
    Message,
    OperatorEntry,
    Plan,
    Tenant,
    User,
    Webhook,
)

admin.site.unregister([Group, Authenticator])  # nobody has groups here, and second factors are their owners'


@admin.register(User)
class UserAdmin(ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    search_fields = ("email", "name")
    readonly_fields = ("created_at", "last_login")
    exclude = ("password",)


class MembershipInline(TabularInline):
    model = Membership
    extra = 0


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):
    list_display = ("name", "is_active", "plan", "markup_percent", "default_strategy", "created_at")
    list_select_related = ("plan",)
    search_fields = ("name",)
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False  # `manage.py forget_tenant` leaves nothing behind


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are made where they can be shown once, and revoked here; they are never deleted."""

    list_display = ("name", "tenant", "prefix", "is_test", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("tenant",)
    search_fields = ("name", "prefix", "tenant__name")
    readonly_fields = ("tenant", "prefix", "last4", "is_test", "last_used_at", "created_by", "created_at")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Limit)
class LimitAdmin(ModelAdmin):
    list_display = ("tenant", "api_key", "model", "requests_per_minute", "tokens_per_minute", "running")
    list_select_related = ("tenant", "api_key")
    search_fields = ("tenant__name", "model")


@admin.register(Budget)
class BudgetAdmin(ModelAdmin):
    """What a budget has spent stands in its windows. It is ended, not deleted: give it an end."""

    list_display = ("tenant", "api_key", "period", "unit", "amount", "ended_at")
    list_select_related = ("tenant", "api_key")
    list_filter = ("period", "unit")
    search_fields = ("tenant__name",)

    def get_readonly_fields(self, request: object, obj: object = None) -> tuple[str, ...]:
        """Whose it is, and of what, stays: what was spent was counted under it."""
        return ("tenant", "api_key", "period", "unit") if obj is not None else ()

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    """A tenant is put on a plan with `manage.py set_plan`, which gives it the plan's budget, too."""

    list_display = ("name", "markup_percent", "requests_per_minute", "tokens_per_minute", "running", "month_usd")


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin):
    """Made where the secret can be shown once (`manage.py add_webhook`)."""

    list_display = ("tenant", "url", "is_active", "created_at")
    list_select_related = ("tenant",)
    readonly_fields = ("tenant", "created_at")

    def has_add_permission(self, request: object) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(ModelAdmin):
    list_display = ("event", "tenant", "kind", "to", "state", "tries", "last_status", "last_problem", "due_at")
    list_select_related = ("tenant",)
    list_filter = ("state", "kind", "event")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False


class ReadOnlyAdmin(ModelAdmin):
    """Written elsewhere, and only read here."""

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Credential)
class CredentialAdmin(ReadOnlyAdmin):
    """Tenants' own keys at providers: that there is one, never which."""

    list_display = ("tenant", "provider", "last4", "is_active", "checked_at", "created_by", "changed_at")
    list_select_related = ("tenant", "created_by")
    fields = ("tenant", "provider", "last4", "is_active", "checked_at", "created_by", "created_at", "changed_at")
    search_fields = ("tenant__name", "provider")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "tenant", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_select_related = ("tenant", "invited_by")
    search_fields = ("email", "tenant__name")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "tenant", "who", "what", "subject", "address")
    list_select_related = ("tenant",)
    list_filter = ("what",)
    search_fields = ("who", "subject", "tenant__name")
    show_full_result_count = False


@admin.register(OperatorEntry)
class OperatorEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "who", "what", "subject", "address")
    list_filter = ("what",)
    search_fields = ("who", "subject")


@admin.register(Announcement)
class AnnouncementAdmin(ModelAdmin):
    list_display = ("text", "tone", "starts_at", "ends_at")

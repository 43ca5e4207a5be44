"""The operator's view of who is here."""

from django.contrib import admin

from accounts.models import ApiKey, Budget, Limit, Membership, Message, Plan, Tenant, User, Webhook


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    search_fields = ("email", "name")
    readonly_fields = ("created_at", "last_login")
    exclude = ("password",)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    list_display = ("name", "is_active", "default_strategy", "created_at")
    search_fields = ("name",)
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False  # `manage.py forget_tenant` leaves nothing behind


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
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
class LimitAdmin(admin.ModelAdmin):
    list_display = ("tenant", "api_key", "model", "requests_per_minute", "tokens_per_minute", "running")
    list_select_related = ("tenant", "api_key")
    search_fields = ("tenant__name", "model")


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
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
class PlanAdmin(admin.ModelAdmin):
    """A tenant is put on a plan with `manage.py set_plan`, which gives it the plan's budget, too."""

    list_display = ("name", "markup_percent", "requests_per_minute", "tokens_per_minute", "running", "month_usd")


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):
    """Made where the secret can be shown once (`manage.py add_webhook`)."""

    list_display = ("tenant", "url", "is_active", "created_at")
    list_select_related = ("tenant",)
    readonly_fields = ("tenant", "created_at")

    def has_add_permission(self, request: object) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("event", "tenant", "kind", "to", "state", "tries", "last_status", "last_problem", "due_at")
    list_select_related = ("tenant",)
    list_filter = ("state", "kind", "event")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

"""The operator's view of what happened."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from gateway.models import BudgetAlert, BudgetWindow, RequestLog


class ReadOnlyAdmin(ModelAdmin):
    """Written by the recorder and the gateways only."""

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(RequestLog)
class RequestLogAdmin(ReadOnlyAdmin):
    list_display = ("request_id", "received_at", "tenant", "status", "requested_model", "model", "duration_ms", "cost_usd")
    list_select_related = ("tenant",)
    list_filter = ("status", "provider", "strategy", "query_type")
    search_fields = ("request_id",)
    show_full_result_count = False


@admin.register(BudgetWindow)
class BudgetWindowAdmin(ReadOnlyAdmin):
    """In pico-dollars or tokens."""

    list_display = ("budget", "starts_at", "ends_at", "spent", "reserved", "most")
    list_select_related = ("budget__tenant", "budget__api_key")
    search_fields = ("budget__tenant__name",)
    date_hierarchy = "starts_at"


@admin.register(BudgetAlert)
class BudgetAlertAdmin(ReadOnlyAdmin):
    list_display = ("window", "share", "at")
    list_select_related = ("window__budget__tenant", "window__budget__api_key")

"""The operator's view of what tenants have set."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from routing.models import RoutingRules, TenantStrategy


@admin.register(RoutingRules)
class RoutingRulesAdmin(ModelAdmin):
    list_display = ("tenant", "premium", "tradeoff", "draws", "changed_at")
    list_select_related = ("tenant",)


@admin.register(TenantStrategy)
class TenantStrategyAdmin(ModelAdmin):
    list_display = ("name", "tenant", "changed_at")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__name")

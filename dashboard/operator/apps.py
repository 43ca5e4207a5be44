from django.contrib.admin import apps


class OperatorConfig(apps.AdminConfig):
    """Django's admin, with a site of our own."""

    default_site = "dashboard.operator.site.Site"

from django.apps import AppConfig


class ManagementConfig(AppConfig):
    """Everything that the dashboard can do, for programs."""

    name = "management"

from decimal import Decimal

from django.db import migrations

PLANS = [
    {"name": "evaluation", "requests_per_minute": 60, "tokens_per_minute": 100_000, "running": 10, "month_usd": Decimal(10)},
    {"name": "usage", "requests_per_minute": 3_000, "tokens_per_minute": 5_000_000, "running": 200, "markup_percent": Decimal(5)},
]


def make(apps, schema_editor):
    """Two to start from; the operator changes them at will."""
    plan = apps.get_model("accounts", "Plan")
    for values in PLANS:
        plan.objects.get_or_create(name=values["name"], defaults=values)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_billing_and_messages")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]

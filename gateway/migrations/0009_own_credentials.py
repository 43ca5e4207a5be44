
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0008_sums_by_strategy'),
    ]

    operations = [
        migrations.AddField(
            model_name='ledgerentry',
            name='own_credential',
            field=models.BooleanField(default=False, help_text="The tenant's own key: its provider bills it, not we."),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0014_management_keys'),
        ('gateway', '0012_own_keys_of_entries'),
    ]

    operations = [
        migrations.AddField(
            model_name='requestlog',
            name='enhanced',
            field=models.CharField(blank=True, db_default='', help_text='What enhancement added, such as explanation.en, or: unchanged.', max_length=40),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(condition=models.Q(('enhanced', ''), _negated=True), fields=['tenant', 'received_at'], name='requests_enhanced'),
        ),
    ]

import accounts.ids
import accounts.models
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def name_tenants(apps, schema_editor):
    """Each tenant that there is gets a name for its addresses."""
    for tenant in apps.get_model("accounts", "Tenant").objects.filter(slug=None):
        tenant.slug = accounts.ids.slug()
        tenant.save(update_fields=["slug"])


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_time_zones_that_exist'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='scope',
            field=models.CharField(choices=[('all', 'everything'), ('chat', 'ask models'), ('read', 'read: models, estimates, decisions')], default='all', max_length=4),
        ),
        migrations.AddField("tenant", "slug", models.CharField(max_length=10, null=True, editable=False)),
        migrations.RunPython(name_tenants, migrations.RunPython.noop),
        migrations.AlterField(
            "tenant", "slug", models.CharField(max_length=10, unique=True, default=accounts.ids.slug, editable=False)
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member'), ('viewer', 'Viewer')], default='member', max_length=8)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires_at', models.DateTimeField(default=accounts.models.week_from_now)),
                ('accepted_at', models.DateTimeField(editable=False, null=True)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='RetiredSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(editable=False, max_length=16, unique=True)),
                ('last4', models.CharField(editable=False, max_length=4)),
                ('pepper_id', models.CharField(editable=False, max_length=8)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('expires_at', models.DateTimeField()),
                ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='retired_secrets', to='accounts.apikey')),
            ],
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('who', models.CharField(max_length=254)),
                ('who_id', models.UUIDField(null=True)),
                ('what', models.CharField(max_length=64)),
                ('subject', models.CharField(blank=True, max_length=300)),
                ('details', models.JSONField(default=dict)),
                ('address', models.GenericIPAddressField(null=True)),
                ('agent', models.CharField(blank=True, max_length=300)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='audit_entries', to='accounts.tenant')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'indexes': [models.Index(fields=['tenant', '-at'], name='audit_of_a_tenant')],
            },
        ),
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=64)),
                ('sealed_secret', models.BinaryField()),
                ('last4', models.CharField(editable=False, max_length=4)),
                ('is_active', models.BooleanField(default=True)),
                ('checked_at', models.DateTimeField(editable=False, help_text='When the provider last took it.', null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('changed_at', models.DateTimeField(auto_now=True, db_index=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='accounts.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'provider'), name='one_credential_of_a_provider')],
            },
        ),
    ]

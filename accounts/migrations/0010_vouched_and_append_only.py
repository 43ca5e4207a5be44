"""Everybody who is here was made by the operator, so their addresses need no proof; and the audit log is only added to."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON accounts_auditentry
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END
"""
POSTGRESQL = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit entries are never changed'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON accounts_auditentry
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
"""
WITHOUT = {
    "sqlite": "DROP TRIGGER audit_is_append_only",
    "postgresql": "DROP TRIGGER audit_is_append_only ON accounts_auditentry; DROP FUNCTION audit_is_append_only()",
}


def guard(apps, schema_editor):
    schema_editor.execute({"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor])


def unguard(apps, schema_editor):
    schema_editor.execute(WITHOUT[schema_editor.connection.vendor])


def vouch(apps, schema_editor):
    addresses = apps.get_model("account", "EmailAddress")
    for user in apps.get_model("accounts", "User").objects.all():
        if not addresses.objects.filter(user_id=user.pk).exists():
            addresses.objects.create(user_id=user.pk, email=user.email, verified=True, primary=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_people_and_keys"), ("account", "0009_emailaddress_unique_primary_email")]
    operations = [
        migrations.RunPython(vouch, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]

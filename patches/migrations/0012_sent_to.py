from django.db import migrations

# One that is there already, of the same name, stays as it is.
TOLD = {
    "cardinality": "many",
    "subject_types": ["document"],
    "object_types": ["person"],
    "label": "was sent to",
    "inverse": "received",
}


def seed(apps, schema_editor):
    apps.get_model("patches", "Predicate").objects.get_or_create(name="sent_to", defaults=TOLD)


class Migration(migrations.Migration):
    dependencies = [("patches", "0011_golden")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

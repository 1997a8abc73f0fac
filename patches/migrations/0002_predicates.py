from django.db import migrations

from patches.predicates_seed import SEED


def seed(apps, schema_editor):
    predicate = apps.get_model("patches", "Predicate")
    for row in SEED:
        predicate.objects.update_or_create(
            name=row.name,
            defaults={
                "label": row.label,
                "cardinality": row.cardinality,
                "subject_types": list(row.subject_types),
                "object_types": list(row.object_types),
            },
        )


class Migration(migrations.Migration):
    dependencies = [("patches", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

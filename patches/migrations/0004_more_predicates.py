from django.db import migrations

# One that is there already, of the same name, stays as it is.
NEW = [
    ("owned_by", "many", ["organization"], ["organization", "person"], "is owned by"),
    ("employs", "single", ["organization"], ["text"], "employs so many people"),
    ("has_revenue", "single", ["organization"], ["text"], "has a revenue of"),
    ("has_budget", "single", ["organization"], ["text"], "has a budget of"),
]


def seed(apps, schema_editor):
    predicate = apps.get_model("patches", "Predicate")
    for name, cardinality, subjects, objects, label in NEW:
        told = {"cardinality": cardinality, "subject_types": subjects, "object_types": objects, "label": label}
        predicate.objects.get_or_create(name=name, defaults=told)


class Migration(migrations.Migration):
    dependencies = [("patches", "0003_reasons_are_called")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

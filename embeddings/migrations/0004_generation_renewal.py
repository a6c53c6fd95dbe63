"""Who copies a generation's collection into one with all labels."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("embeddings", "0003_jobs_that_survive"),
    ]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="renewal",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="generation",
            name="renewal_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]

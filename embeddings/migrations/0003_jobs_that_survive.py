import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("embeddings", "0002_neural_models"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("action", models.CharField(max_length=32)),
                ("actor", models.CharField(blank=True, max_length=150)),
                ("door", models.CharField(max_length=16)),
                ("subject", models.CharField(blank=True, max_length=128)),
                ("details", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="SliceRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("model", models.CharField(max_length=32)),
                ("worker", models.CharField(max_length=100)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("failures", models.JSONField(blank=True, default=dict)),
                ("audio_seconds", models.FloatField(default=0.0)),
                ("memory_mb", models.FloatField(blank=True, null=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("broken", "broken off"),
                        ],
                        default="requested",
                        max_length=16,
                    ),
                ),
                ("checks", models.JSONField(blank=True, default=list)),
                ("message", models.TextField(blank=True)),
                ("requested_by", models.CharField(blank=True, max_length=150)),
                ("requested_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("lease", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("lease_expires", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                ("writes", models.PositiveBigIntegerField(db_default=0, default=0)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stepped_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("scan", models.CharField(blank=True, max_length=255)),
                ("trouble", models.TextField(blank=True)),
                ("unanswered", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "watches",
            },
        ),
        migrations.RemoveConstraint(
            model_name="batchjob",
            name="one_active_job",
        ),
        migrations.RemoveIndex(
            model_name="trackresult",
            name="result_job_state",
        ),
        migrations.AddField(
            model_name="batchjob",
            name="finisher",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="finishing_lease",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="losses",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="options",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="outages",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="rebuild",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="retry_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="targets",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="generation",
            name="archive",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="generation",
            name="dropped_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="generation",
            name="forced_because",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="generation",
            name="origin",
            field=models.CharField(
                choices=[("embedded", "Embedded"), ("adopted", "Adopted"), ("imported", "Imported")],
                db_default="embedded",
                default="embedded",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="generation",
            name="rolled_back_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="generation",
            name="verified_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="generation",
            name="writes",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="trackresult",
            name="retries",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="trackresult",
            name="retry_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="batchjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("planning", "Planning"),
                    ("running", "Running"),
                    ("waiting", "Waiting"),
                    ("paused", "Paused"),
                    ("cancelling", "Cancelling"),
                    ("completed", "Completed"),
                    ("completed_with_errors", "Completed With Errors"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="planning",
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="state",
            field=models.CharField(
                choices=[
                    ("building", "Building"),
                    ("verified", "Verified"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                    ("dropped", "Dropped"),
                ],
                default="building",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="trackresult",
            name="job",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="results",
                to="embeddings.batchjob",
            ),
        ),
        migrations.AddIndex(
            model_name="trackresult",
            index=models.Index(fields=["job", "state", "generation", "id"], name="result_to_claim"),
        ),
        migrations.AddIndex(
            model_name="trackresult",
            index=models.Index(fields=["job", "track", "state"], name="result_by_track"),
        ),
        migrations.AddIndex(
            model_name="trackresult",
            index=models.Index(
                condition=models.Q(("retry_at__isnull", False)), fields=["job", "retry_at"], name="result_put_off"
            ),
        ),
        migrations.AddConstraint(
            model_name="batchjob",
            constraint=models.UniqueConstraint(
                models.Case(
                    models.When(
                        state__in=("planning", "running", "waiting", "paused", "cancelling"), then=models.Value(1)
                    )
                ),
                name="one_active_job",
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="generation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="deeds",
                to="embeddings.generation",
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="job",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="deeds",
                to="embeddings.batchjob",
            ),
        ),
        migrations.AddField(
            model_name="slicerecord",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="slices", to="embeddings.batchjob"
            ),
        ),
        migrations.AddField(
            model_name="verification",
            name="generation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="verifications", to="embeddings.generation"
            ),
        ),
        migrations.AddIndex(
            model_name="slicerecord",
            index=models.Index(fields=["job", "finished_at"], name="slice_job_finished"),
        ),
        migrations.AddConstraint(
            model_name="verification",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("requested", "running"))),
                fields=("generation",),
                name="one_open_verification_per_generation",
            ),
        ),
    ]

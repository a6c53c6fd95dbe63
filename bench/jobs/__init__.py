"""What a job costs beside its embedding: planning, claiming, settling, progress, keeping in step; by size."""

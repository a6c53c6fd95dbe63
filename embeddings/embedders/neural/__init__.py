"""What neural models share without knowing any of them: devices, weights, batches, pooling; for workers only."""

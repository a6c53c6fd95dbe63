"""What Prometheus reads at `/metrics`: counted from the rows and asked of the services when somebody looks."""

"""What was asked and answered, kept to evaluate other ways on."""

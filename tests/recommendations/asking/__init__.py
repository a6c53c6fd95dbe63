"""What was asked, looked up."""

"""Random walks through the states of jobs and operations."""

"""What goes wrong in the middle of a job, really done to real programs, and counted: `python -m tests.faults`."""

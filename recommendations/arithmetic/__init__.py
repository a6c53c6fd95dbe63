"""What is computed from vectors and scores; numpy only, without Django, the store or files."""

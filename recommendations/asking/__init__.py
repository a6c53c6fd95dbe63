"""What was asked, looked up: names to tracks, words to vectors, everything to what each model compares."""

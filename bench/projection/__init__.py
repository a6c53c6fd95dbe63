"""How much of their neighbourhoods long vectors keep when they are projected for the store."""

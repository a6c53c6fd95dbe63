"""The pure arithmetic."""

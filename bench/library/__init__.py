"""Builds a folder of real, freely licensed music from Debian packages, for measurements that need real music."""

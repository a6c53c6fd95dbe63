"""What `manage.py reembed` can do: its arguments, its verbs, its configuration files, and how it speaks."""

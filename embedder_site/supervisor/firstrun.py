"""What happens once: an administrator, so that somebody can log in."""

import secrets

from django.contrib.auth import get_user_model


def create_first_admin() -> str | None:
    """Create `admin` unless there is an administrator; its password, which is kept nowhere else."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    admin, _ = users.get_or_create(username="admin")
    admin.is_staff = admin.is_superuser = admin.is_active = True
    admin.set_password(password)
    admin.save()
    return password

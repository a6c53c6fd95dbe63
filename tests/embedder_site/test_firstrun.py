"""The first administrator."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from embedder_site.supervisor.firstrun import create_first_admin


@pytest.mark.django_db
def test_the_password_opens_the_admin(client: Client) -> None:
    password = create_first_admin()
    assert client.login(username="admin", password=password)
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_nobody_is_made_beside_an_administrator() -> None:
    User.objects.create_superuser("somebody", password="x")
    assert create_first_admin() is None
    assert User.objects.count() == 1

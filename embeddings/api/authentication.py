"""`Authorization: Bearer <token>`, the form that Navidrome's plugins send."""

from rest_framework.authentication import TokenAuthentication


class BearerAuthentication(TokenAuthentication):
    """One of the tokens that `manage.py drf_create_token` and the admin make."""

    keyword = "Bearer"

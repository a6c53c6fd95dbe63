"""Who may change jobs and generations: staff with the admin's own permissions on them."""

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class MayChangeJobs(BasePermission):
    """Reading is free; starting needs `add_batchjob`, everything else `change_batchjob`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Look at the method and the user."""
        if request.method in SAFE_METHODS:
            return True
        verb = "add" if getattr(view, "action", None) == "create" else "change"
        return bool(request.user.is_staff and request.user.has_perm(f"embeddings.{verb}_batchjob"))


class MayChangeGenerations(BasePermission):
    """Reading is free; everything else needs `change_generation`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Look at the method and the user."""
        if request.method in SAFE_METHODS:
            return True
        return bool(request.user.is_staff and request.user.has_perm("embeddings.change_generation"))

"""The admin: a page to try recommendations on, and the log of what was answered."""

from recommendations.admin.answered import AnsweredAdmin

__all__ = ["AnsweredAdmin"]

"""The doctor's look at what keeps the library in step: the schedule, its next moment, and Navidrome's answer."""

import redis
from django.conf import settings
from django.utils import timezone
from rq.cron import CronScheduler

from embedder_site.env import given
from embedder_site.finding import Finding, missing
from embeddings import conf
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.moments import next_moment, problem_of
from embeddings.library.subsonic import scan_status
from embeddings.models import Watch


def check_keeping(*, tables: bool, queue: bool) -> list[Finding]:
    """The schedule, and Navidrome where it is to be asked.

    Args:
        tables: whether the database can be asked what came of it.
        queue: whether the queue can be asked who keeps to it.

    """
    asked = [check_navidrome()] if conf.keeping().poll_seconds else []
    return [check_schedule(tables=tables, queue=queue), *asked]


def check_schedule(*, tables: bool, queue: bool) -> Finding:
    """When the library is looked at next, whether anybody does, and what came of it the last time."""
    config = conf.keeping()
    if not config.wanted:
        return Finding(subject="schedule", state="ok", used="none (SYNC_SCHEDULE is empty)", answer="nothing to do")
    if config.schedule and (problem := problem_of(config.schedule)):
        return missing("schedule", f"SYNC_SCHEDULE={config.schedule}", problem, "Correct it, or leave it empty.")
    used = f"{config.schedule} UTC ({'SYNC_SCHEDULE' if given('SYNC_SCHEDULE') else 'default'})"
    if not config.schedule:
        used = f"Navidrome's scans only, every {config.poll_seconds} s"
    watch = Watch.objects.filter(pk=1).first() if tables else None
    answer = _answer(config, watch)
    if watch and watch.trouble:
        return Finding(subject="schedule", state="warning", used=used, answer=answer, advice=watch.trouble)
    if queue and not _kept():
        advice = "`make run` keeps to it while it serves; with services of your own, run one: manage.py schedule"
        return Finding(subject="schedule", state="warning", used=used, answer=f"{answer}; nobody does", advice=advice)
    return Finding(subject="schedule", state="ok", used=used, answer=answer)


def _answer(config: conf.KeepingConfig, watch: Watch | None) -> str:
    since = f", in step as of {watch.stepped_at:%Y-%m-%d %H:%M} UTC" if watch else ""
    if not config.schedule:
        return f"looks after each scan{since}"
    return f"looks next at {next_moment(config.schedule, timezone.now()):%Y-%m-%d %H:%M} UTC{since}"


def _kept() -> bool:
    """Whether somebody keeps to the schedule; true when the queue cannot say, which is said elsewhere."""
    try:
        queue = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
        return bool(CronScheduler.all(queue, cleanup=False))
    except (redis.RedisError, ValueError):
        return True


def check_navidrome() -> Finding:
    """Whether Navidrome says when it scanned."""
    used = f"{settings.NAVIDROME_URL}, user {settings.NAVIDROME_USER}, every {conf.keeping().poll_seconds} s"
    try:
        scan = scan_status(conf.navidrome())
    except (BackendUnavailable, Refused) as error:
        advice = "Check NAVIDROME_URL, NAVIDROME_USER and NAVIDROME_PASSWORD; without it, the schedule alone is kept."
        return Finding(subject="navidrome", state="warning", used=used, answer=str(error), advice=advice)
    answer = "answers, and scans now" if scan.scanning else f"answers, newest scan: {scan.mark.strip() or 'none'}"
    return Finding(subject="navidrome", state="ok", used=used, answer=answer)

"""How far random walks go: the same short ones in every run of the tests, long ones with --hypothesis-profile=long."""

from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "short",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
    # A failure is shown as it was met: making it smaller takes minutes.
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile(
    "long",
    parent=settings.get_profile("short"),
    derandomize=False,
    max_examples=1500,
    stateful_step_count=80,
    deadline=timedelta(minutes=1),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
settings.load_profile("short")

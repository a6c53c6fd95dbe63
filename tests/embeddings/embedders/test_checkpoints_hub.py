"""Checkpoints from the hub: found in its cache, downloaded from a server that speaks like it, and refused by it."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import requests

from embeddings.embedders import get_spec
from embeddings.embedders.base import Checkpoint
from embeddings.embedders.checkpoints import locate, state_of
from embeddings.embedders.checkpoints.arriving import Wanted
from embeddings.embedders.checkpoints.hub import Hub
from embeddings.errors import BackendUnavailable, CheckpointRefused
from tests.embeddings.embedders.hub_server import HubServer, serving
from tests.services import free_port

MUQ = get_spec("muq")
MULAN, TOWER, XLM = MUQ.checkpoint
WEIGHTS = bytes(range(256)) * 100_000
"""25.6 MB: the library writes in pieces of ten."""
SIZE = len(WEIGHTS)


@pytest.fixture
def server() -> Iterator[HubServer]:
    """A hub with MuQ's three repositories, and code that nobody asks for."""
    small = {f"{files.repository}/resolve/{files.revision}/": files.names for files in MUQ.checkpoint}
    contents = {f"{place}{name}": f"{place}{name}".encode() for place, names in small.items() for name in names}
    mulan = f"{MULAN.repository}/resolve/{MULAN.revision}/"
    with serving(contents | {f"{mulan}pytorch_model.bin": WEIGHTS, f"{mulan}modeling.py": b"raise SystemExit"}) as hub:
        yield hub


class Here:
    """This machine: a cache and a memory of digests."""

    def __init__(self, folder: Path, server: HubServer) -> None:
        self.hub = Hub(cache=folder / "hub", endpoint=server.url, offline=False)
        self.offline = Hub(cache=folder / "hub", endpoint=server.url, offline=True)
        self.digests = folder / "checkpoints.json"
        self.heard: list[str] = []
        self.react: Callable[[str], object] = lambda _said: None

    def report(self, said: str) -> None:
        self.heard.append(said)
        self.react(said)

    def locate(self, hub: Hub | None = None) -> Checkpoint:
        return locate(MUQ, None, digests=self.digests, report=self.report, hub=hub or self.hub)

    def refused(self, hub: Hub | None = None) -> str:
        with pytest.raises(CheckpointRefused) as caught:
            self.locate(hub)
        return str(caught.value)


def raise_interrupted(said: str) -> None:
    """Walk away as soon as something arrives."""
    if said.startswith("Downloading"):
        raise InterruptedError


@pytest.fixture
def here(tmp_path: Path, server: HubServer) -> Here:
    return Here(tmp_path, server)


def test_what_the_spec_names_is_downloaded_and_nothing_else(here: Here, server: HubServer) -> None:
    folders = here.locate().folders
    assert {path.name for folder in folders.values() for path in folder.iterdir()} == server.names()
    assert server.names() == {"config.json", "pytorch_model.bin", "tokenizer.json"}
    assert (folders[""] / "pytorch_model.bin").read_bytes() == WEIGHTS


def test_it_is_the_same_checkpoint_in_the_cache_and_in_a_folder(here: Here, tmp_path: Path) -> None:
    downloaded = here.locate()
    for name, folder in downloaded.folders.items():
        shutil.copytree(folder, tmp_path / "copy" / name, dirs_exist_ok=True)
    assert locate(MUQ, tmp_path / "copy", digests=here.digests).digest == downloaded.digest


def test_the_second_time_nobody_is_asked(here: Here, server: HubServer) -> None:
    first = here.locate().digest
    server.asked.clear()
    here.heard.clear()
    assert here.locate().digest == first
    assert here.locate(here.offline).digest == first
    assert (server.asked, here.heard) == ([], [])


def test_progress_is_said_while_it_arrives(here: Here, server: HubServer) -> None:
    heard_of_it = Event()
    server.pause = lambda sent: sent < 15_000_000 or heard_of_it.wait(20)
    here.react = lambda said: heard_of_it.set() if ", 10 of" in said else None
    here.locate()
    assert here.heard[0] == f"Looking for muq on {server.url}"
    assert "Downloading muq, 10 of 26 MB" in here.heard


def test_progress_is_said_once_a_second_at_most(here: Here, server: HubServer) -> None:
    thrice = Event()
    server.pause = lambda sent: sent < 15_000_000 or thrice.wait(20)
    here.react = lambda _said: thrice.set() if len(here.heard) == 3 else None
    begun = time.monotonic()
    here.locate()
    assert 3 <= len(here.heard) <= 1 + time.monotonic() - begun


def test_who_is_told_may_walk_away(here: Here, server: HubServer) -> None:
    gone = Event()
    server.pause = lambda _sent: gone.wait(20)
    here.react = raise_interrupted
    with pytest.raises(InterruptedError):
        here.locate()
    gone.set()
    downloads = [thread for thread in threading.enumerate() if thread.name == "checkpoint-download"]
    for thread in downloads:
        thread.join(20)
    assert here.offline.cached(MULAN)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(here: Here, server: HubServer) -> None:
    server.cuts = [15_000_000]
    assert (here.locate().folders[""] / "pytorch_model.bin").read_bytes() == WEIGHTS
    starts = [asked.start for asked in server.bodies()]
    assert starts[0] == 0
    assert 0 < starts[1] <= 15_000_000


def test_what_one_attempt_left_the_next_one_continues(here: Here, server: HubServer) -> None:
    server.cuts = [15_000_000, 0, 0, 0]
    with pytest.raises(BackendUnavailable, match=r"pytorch_model.bin could not be downloaded for muq from http"):
        here.locate()
    here.heard.clear()
    assert (here.locate().folders[""] / "pytorch_model.bin").read_bytes() == WEIGHTS
    assert server.bodies()[-1].start > 0


def test_a_file_that_comes_short_is_given_up_until_it_comes_whole(here: Here, server: HubServer) -> None:
    server.shortened = 15_000_000
    with pytest.raises(BackendUnavailable, match=r"pytorch_model\.bin could not be downloaded"):
        here.locate()
    assert here.hub.cached(MULAN) is None
    server.shortened = None
    assert (here.locate().folders[""] / "pytorch_model.bin").read_bytes() == WEIGHTS


def test_two_at_once_download_it_once(here: Here, server: HubServer) -> None:
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: here.locate().digest, range(2)))
    assert found[0] == found[1]
    assert len(server.bodies()) == 1


def test_a_beginning_that_is_longer_than_the_file_is_thrown_away(here: Here, server: HubServer) -> None:
    weights = Wanted(key="muq", repository=MULAN.repository, revision=MULAN.revision, name="pytorch_model.bin")
    beginning = here.hub.look_up(weights).beginning
    beginning.parent.mkdir(parents=True)
    beginning.write_bytes(WEIGHTS + b"more")
    assert (here.locate().folders[""] / "pytorch_model.bin").read_bytes() == WEIGHTS


REFUSALS = [
    ("", 404, "RevisionNotFound", f"OpenMuQ/MuQ-MuLan-large on HUB has no revision {MULAN.revision}; upgrade"),
    ("pytorch_model.bin", 404, "EntryNotFound", "OpenMuQ/MuQ-MuLan-large on HUB has no pytorch_model.bin at revision"),
    ("", 404, "RepoNotFound", "There is no OpenMuQ/MuQ-MuLan-large on HUB for you; check HF_ENDPOINT, set HF_TOKEN"),
    ("", 401, "", "HUB does not give OpenMuQ/MuQ-MuLan-large to everybody; accept its terms there and set HF_TOKEN"),
    ("", 403, "GatedRepo", "HUB does not give OpenMuQ/MuQ-MuLan-large to everybody; accept its terms there and set HF"),
    ("", 403, "", "HUB does not give OpenMuQ/MuQ-MuLan-large to everybody; accept its terms there and set HF_TOKEN"),
    ("", 404, "", "HUB does not give OpenMuQ/MuQ-MuLan-large/config.json (404 Client Error"),
]


@pytest.mark.parametrize(("name", "status", "code", "sentence"), REFUSALS)
def test_a_refusal_says_what_to_do(
    here: Here, server: HubServer, name: str, status: int, code: str, sentence: str
) -> None:
    server.refusals[f"/{MULAN.repository}/resolve/{MULAN.revision}/{name}"] = (status, code)
    said = here.refused()
    assert said.startswith(sentence.replace("HUB", server.url))
    assert said.endswith("or set MUQ_CHECKPOINT to a folder that holds its files.")


def test_a_hub_that_is_too_busy_is_asked_again_later(here: Here, server: HubServer) -> None:
    server.refusals["/"] = (429, "")
    with pytest.raises(BackendUnavailable, match="429 Client Error: Too Many Requests"):
        here.locate()


def test_a_hub_that_cannot_be_reached_is_asked_again_later(here: Here) -> None:
    wanted = Wanted(key="muq", repository=MULAN.repository, revision=MULAN.revision, name="config.json")
    with pytest.raises(requests.ConnectionError) as caught:
        requests.head(f"http://127.0.0.1:{free_port()}")
    trouble = here.hub.explain(caught.value, wanted)
    assert isinstance(trouble, BackendUnavailable)
    assert ": Connection refused. Without internet, set MUQ_CHECKPOINT to a folder" in str(trouble)


def test_something_else_in_the_hub_s_place_is_recognised(here: Here, server: HubServer) -> None:
    server.strange = True
    assert here.refused().startswith(f"What answers at {server.url} is no Hugging Face hub; check HF_ENDPOINT")


def test_an_endpoint_that_is_no_address_is_refused(here: Here) -> None:
    nonsense = Hub(cache=here.hub.cache, endpoint="hub.lan", offline=False)
    assert here.refused(nonsense).startswith("HF_ENDPOINT=hub.lan is no address")


def test_a_full_disk_is_refused_before_anything_is_downloaded(here: Here, server: HubServer) -> None:
    server.claims["pytorch_model.bin"] = 10**15
    assert here.refused().startswith(f"muq needs 1000000.0 GB in {here.hub.cache}, where ")
    assert server.bodies() == []


def test_a_cache_that_cannot_be_written_is_refused(here: Here, server: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    inside = Hub(cache=tmp_path / "file" / "hub", endpoint=server.url, offline=False)
    assert "cannot be written to" in here.refused(inside)
    assert "(Not a directory)" in here.refused(inside)


def test_offline_nothing_is_asked_for(here: Here, server: HubServer) -> None:
    said = here.refused(here.offline)
    assert said.startswith("muq's checkpoint is not on this machine, and HF_HUB_OFFLINE forbids to download it; unset")
    assert f" {here.hub.cache} lacks OpenMuQ/MuQ-MuLan-large (config.json, pytorch_model.bin), OpenMuQ/" in said
    assert server.asked == []


def test_only_what_the_cache_lacks_is_downloaded(here: Here, server: HubServer) -> None:
    (here.locate().folders["xlm-roberta-base"] / "tokenizer.json").unlink()
    server.asked.clear()
    assert here.refused(here.offline).endswith(f"{here.hub.cache} lacks FacebookAI/xlm-roberta-base (tokenizer.json).")
    here.locate()
    assert {asked.path.partition("/resolve/")[0] for asked in server.asked} == {"/FacebookAI/xlm-roberta-base"}


def test_a_renamed_repository_is_found_under_its_former_name(here: Here, server: HubServer) -> None:
    before = here.locate().digest
    cache = here.hub.cache
    (cache / "models--FacebookAI--xlm-roberta-base").rename(cache / "models--xlm-roberta-base")
    assert here.locate(here.offline).digest == before


def test_a_damaged_cache_is_refused_and_mended_as_it_says(here: Here) -> None:
    folders = here.locate().folders
    blob = (folders[""] / "pytorch_model.bin").resolve()
    blob.write_bytes(b"x" * SIZE)
    assert here.refused() == f"{folders['']}/pytorch_model.bin is damaged; remove {blob} to have it downloaded again."
    blob.unlink()
    assert here.locate().folders == folders


def test_a_look_asks_nobody(here: Here, server: HubServer) -> None:
    absent = state_of(MUQ, None, hub=here.hub)
    assert (absent.place, absent.where, len(absent.lacking)) == ("hub", server.url, 5)
    assert state_of(MUQ, None, hub=here.offline).problem == here.refused(here.offline)
    assert server.asked == []
    here.locate()
    present = state_of(MUQ, None, hub=here.offline)
    assert (present.place, present.where) == ("cached", str(here.hub.cache))
    assert present.size > SIZE


PROGRAM = """
import sys
from pathlib import Path
from embeddings.embedders import get_spec
from embeddings.embedders.checkpoints import locate
print(locate(get_spec("latent"), None, digests=Path(sys.argv[1]), report=print).digest)
print([name for name in ("torch", "transformers", "hf_xet") if name in sys.modules])
"""


def run_program(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"HF_HOME": str(tmp_path / "home"), **environment}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "digests.json")],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_environment_says_which_hub_and_cache(tmp_path: Path) -> None:
    with serving({f"SonyCSLParis/music2latent/resolve/{'c' * 40}/music2latent.pt": WEIGHTS}) as server:
        server.commits["main"] = "c" * 40
        said = run_program(tmp_path, HF_ENDPOINT=server.url)
        assert (said.stderr, said.stdout.splitlines()[-1]) == ("", "[]")
        again = run_program(tmp_path, HF_ENDPOINT=server.url, HF_HUB_OFFLINE="1")
    assert again.stdout.splitlines() == said.stdout.splitlines()[-2:]
    assert (tmp_path / "home" / "hub" / "models--SonyCSLParis--music2latent" / "snapshots" / ("c" * 40)).is_dir()

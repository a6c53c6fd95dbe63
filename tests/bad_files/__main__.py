"""Writes docs/bad-files.md: `python -m tests.bad_files`."""

from embeddings.audio.decoders import Decoder
from tests.bad_files import collection
from tests.bad_files.verdict import MAX_SECONDS, PAGE, judge, render

with (
    collection() as (folder, cases),
    Decoder(max_seconds=MAX_SECONDS, stall_seconds=60, memory_mb=1024) as decoder,
):
    PAGE.write_text(render(judge(decoder, folder, cases)))

"""Tokenizers: how a text model cuts a prompt into the pieces of words that it knows."""

from pathlib import Path

from tokenizers import Tokenizer

from embeddings.errors import CheckpointRefused


def read_tokenizer(path: Path, vocabulary: int) -> Tokenizer:
    """Read a tokenizer.json; it pads nothing, as prompts are read one at a time.

    Args:
        path: the file.
        vocabulary: how many pieces of words its model knows.

    Raises:
        CheckpointRefused: it is missing or damaged, or another model's.

    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more precise, whatever is wrong with a file
        raise CheckpointRefused(f"{path} cannot be read as a tokenizer ({error}); download it again.") from error
    if tokenizer.get_vocab_size() > vocabulary:
        raise CheckpointRefused(
            f"{path} knows {tokenizer.get_vocab_size()} pieces of words, the model {vocabulary}; "
            "is it another model's tokenizer?"
        )
    tokenizer.no_padding()
    return tokenizer

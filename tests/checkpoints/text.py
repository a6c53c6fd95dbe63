"""Writes the configuration and the tokenizer of the text tower: a few words in place of XLM-R's 250,000 pieces."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

_WORDS = """
a and at fast for from in night of on over piano slow sad calm happy loud quiet dark bright warm rock pop jazz folk
metal punk classical electronic ambient techno house blues soul funk reggae guitar violin cello synth bass drums voice
female male song ballad melody energetic melancholic dreamy rain summer beach dance study sleep
ruhige klaviermusik am abend traurige
"""

TEXT_FULL: dict[str, Any] = {
    "architectures": ["XLMRobertaForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,
    "model_type": "xlm-roberta",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "output_past": True,
    "pad_token_id": 1,
    "position_embedding_type": "absolute",
    "type_vocab_size": 1,
    "use_cache": True,
    "vocab_size": 250002,
}
TEXT = TEXT_FULL | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 192,
}


def write_text_tower(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json and tokenizer.json; the weights are in the joint model's file."""
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    tokenizer = _tokenizer()
    if tokenizer.get_vocab_size() > config["vocab_size"]:
        raise ValueError(f"the tokenizer has {tokenizer.get_vocab_size()} pieces, the model {config['vocab_size']}")
    tokenizer.save(str(folder / "tokenizer.json"))


def _tokenizer() -> Any:
    tokenizers = import_module("tokenizers")
    # XLM-R's order: the special tokens first, the mask last; longer pieces are likelier than their letters.
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789äöüß.,'-")
    pieces = [(token, 0.0) for token in special]
    pieces += [(f"▁{word}", -8.0) for word in dict.fromkeys(_WORDS.split()) if len(word) > 1]
    pieces += [("▁", -4.0), *((letter, -6.0) for letter in letters)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram([*pieces, ("<mask>", 0.0)], unk_id=3))
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, normalized=False) for token in [*special, "<mask>"]])
    return tokenizer

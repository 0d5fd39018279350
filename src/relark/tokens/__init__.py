"""Tokens: from a tokenizer to exact bytes, a byte trie over them, and the masks that walk it.

    token_bytes   tokenizer object -> the bytes of every id (the only module that knows tokenizer libraries'
                  objects)
    vocabulary    the immutable, shared result
    trie          the bytes of all tokens as a flat prefix tree

Importing this package imports neither torch nor transformers nor tokenizers.
"""

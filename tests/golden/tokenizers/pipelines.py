"""Small tokenizers with the exact pipelines of the model families, as tokenizer.json documents."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from corpus import training_lines

_LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
           r"\s+(?!\S)|\s+")
_QWEN = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def _split_then_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _train(tokenizer, vocab_size, alphabet, seed):
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(training_lines(seed), trainer)


def _add(tokenizer, contents, special):
    for content in contents:
        token = AddedToken(content, special=special, normalized=False)
        tokenizer.add_special_tokens([token]) if special else tokenizer.add_tokens([token])


def _drop_some_merges(document, step):
    """Leaves tokens that no merge reaches, which is what ignore_merges is for."""
    merges = document["model"]["merges"]
    parts = {part for merge in merges for part in merge}
    document["model"]["merges"] = [merge for i, merge in enumerate(merges)
                                   if i % step != 0 or "".join(merge) in parts]


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = _split_then_bytes(_LLAMA3)
    tokenizer.decoder = decoders.ByteLevel()
    _train(tokenizer, 1000, pre_tokenizers.ByteLevel.alphabet(), 1)
    _add(tokenizer, ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], True)
    begin = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                                      special_tokens=[("<|begin_of_text|>", begin)])])
    document = json.loads(tokenizer.to_str())
    _drop_some_merges(document, 3)
    config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "tokenizer_class": "PreTrainedTokenizerFast",
              "clean_up_tokenization_spaces": True}
    return document, config


def qwen():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _split_then_bytes(_QWEN)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    _train(tokenizer, 1000, pre_tokenizers.ByteLevel.alphabet(), 2)
    _add(tokenizer, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], True)
    _add(tokenizer, ["<tool_call>", "</tool_call>", "<think>", "</think>"], False)
    document = json.loads(tokenizer.to_str())
    document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]  # The older spelling.
    config = {"bos_token": None, "add_bos_token": False, "add_prefix_space": False, "eos_token": "<|im_end|>",
              "tokenizer_class": "Qwen2Tokenizer"}
    return document, config


def _sentencepiece_model(specials, vocab_size, seed, spell_all_splits):
    """Specials, the 256 byte tokens, then trained pieces. As in converted SentencePiece models every way to split a
    piece in two is a merge, ranked by the piece."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "\u2581")
    trained.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    _train(trained, vocab_size, [], seed)
    model = json.loads(trained.to_str())["model"]
    pieces = [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    names = specials + [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = {piece: i for i, piece in enumerate(names + [piece for piece in pieces if piece not in names])}
    merges = model["merges"]
    if spell_all_splits:
        merges = [[piece[:i], piece[i:]] for piece in (a + b for a, b in merges) for i in range(1, len(piece))
                  if piece[:i] in vocab and piece[i:] in vocab]
    return vocab, merges


def _gemma(specials, plain, seed, adds_bos):
    # Like the originals: ordinary pieces that are added tokens too, so that merges never cross them.
    vocab, merges = _sentencepiece_model(specials, 700, seed, spell_all_splits=True)
    for piece in plain:
        vocab.setdefault(piece, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(merge) for merge in merges], byte_fallback=True,
                                     fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    _add(tokenizer, specials, True)
    _add(tokenizer, plain, False)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<bos> $A", pair="<bos> $A <bos>:1 $B:1", special_tokens=[("<bos>", vocab["<bos>"])])
    config = {"bos_token": "<bos>", "eos_token": {"__type": "AddedToken", "content": "<eos>"},
              "tokenizer_class": "GemmaTokenizer"}
    return json.loads(tokenizer.to_str()), config


_GEMMA_PLAIN = ["\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "\t\t", "<b>", "</b>", "<unused0>", "<unused1>"]


def gemma3():
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
    return _gemma(specials, _GEMMA_PLAIN, 3, adds_bos=True)


def gemma4():
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>"]
    return _gemma(specials, _GEMMA_PLAIN, 4, adds_bos=False)


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    _train(tokenizer, 700, pre_tokenizers.ByteLevel.alphabet(), 5)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=True)])
    document = json.loads(tokenizer.to_str())
    document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    return document, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "add_prefix_space": True, "tokenizer_class": "GPT2Tokenizer"}


def legacy():
    """What the families do not use but files do: Prepend, unfused unknowns, partial byte tokens, Strip, and added tokens
    with every flag."""
    vocab, merges = _sentencepiece_model(["<unk>", "<s>", "</s>"], 500, 6, spell_all_splits=False)
    for byte in range(0xc4, 0xf0):  # So that some characters fall back to bytes and others to <unk>.
        del vocab[f"<0x{byte:02X}>"]
    vocab = {piece: i for i, piece in enumerate(vocab)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(merge) for merge in merges], byte_fallback=True,
                                     fuse_unk=False, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    _add(tokenizer, ["<unk>", "<s>", "</s>"], True)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=False, normalized=False)])
    tokenizer.add_tokens([AddedToken("alpha", single_word=True, normalized=False), AddedToken("RIGHT", rstrip=True, normalized=False),
                          AddedToken("LEFT", lstrip=True, normalized=False), AddedToken("caf\u00e9 token", normalized=True),
                          AddedToken("abc", normalized=False), AddedToken("abcd", normalized=False), AddedToken("bcd", normalized=True),
                          AddedToken("beta", normalized=True, single_word=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1", special_tokens=[("<s>", vocab["<s>"]), ("</s>", vocab["</s>"])])
    return json.loads(tokenizer.to_str()), {"bos_token": "<s>", "eos_token": "</s>"}


ALL = {"llama3": llama3, "qwen": qwen, "gemma3": gemma3, "gemma4": gemma4, "gpt2": gpt2, "legacy": legacy}

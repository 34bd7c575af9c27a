"""Single pipeline components against HuggingFace tokenizers: what each makes of a few awkward inputs."""

import json

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

_TEXTS = ["", "a", " ", "a b", " a  b ", "-a--b-", "--", "a-b\u00e9--c-", "12ab34", "\U0001f642-\U0001f642", "a\u180eb\u0085c\u00a0d"]
_WORDS = ["aBCd $1.50, \u4e2d\u56fd\u3002 _x_ \u00bd\u0663\u2167 \u200d", "\u2581a b"]
_BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def _config(attribute, component):
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, attribute, component)
    return json.loads(tokenizer.to_str())[attribute]


def pre_tokenizer_cases():
    steps = [pre_tokenizers.Split(pattern, behavior, invert)
             for pattern in ("-", Regex(r"-|\d+"), Regex(r"\s+")) for behavior in _BEHAVIORS for invert in (False, True)]
    steps += [pre_tokenizers.ByteLevel(add_prefix_space=space, use_regex=regex) for space in (False, True) for regex in (False, True)]
    steps += [pre_tokenizers.Sequence([pre_tokenizers.Split("-", "removed"), pre_tokenizers.ByteLevel(add_prefix_space=True)]),
              pre_tokenizers.Sequence([])]
    steps += [pre_tokenizers.Split(Regex(pattern), behavior) for pattern in ("(?=[A-Zb2])", "x*") for behavior in _BEHAVIORS]
    steps += [pre_tokenizers.Punctuation(behavior) for behavior in _BEHAVIORS]
    steps += [pre_tokenizers.Digits(individual_digits=each) for each in (False, True)]
    steps += [pre_tokenizers.Metaspace("\u2581", scheme, split) for scheme in ("always", "first", "never") for split in (False, True)]
    steps += [pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.BertPreTokenizer(),
              pre_tokenizers.CharDelimiterSplit("b"), pre_tokenizers.FixedLength(3),
              pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("_", "first")]),
              pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])]
    return [{"config": _config("pre_tokenizer", step), "text": text, "pieces": [piece for piece, _ in step.pre_tokenize_str(text)]}
            for step in steps for text in _TEXTS + _WORDS if text]


def normalizer_cases():
    steps = [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Prepend("_"),
             normalizers.Replace("a", "bb"), normalizers.Replace(Regex(r"\s+"), "\\1$0"), normalizers.Replace("\u00e9", ""),
             normalizers.Sequence([normalizers.NFD(), normalizers.Replace("e", "E")]), normalizers.Sequence([]),
             normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
             normalizers.Strip(True, True), normalizers.Strip(True, False), normalizers.Strip(False, True), normalizers.Nmt(), normalizers.ByteLevel(),
             normalizers.Replace(Regex("x*"), "-"), normalizers.Replace(Regex("$"), "!"), normalizers.BertNormalizer(),
             normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
             normalizers.BertNormalizer(strip_accents=False), normalizers.Prepend("\u2581")]
    texts = _TEXTS + ["\u3000 \u0130STANBUL \u03a3\u0391\u03a3\u00c9 \u00a0", "a\u4e2db\u0301\x00\x07\ufffd\tc\u200bd\ue000\u0903", "\u00e9e\u0301", "\ufb01\u2126\u212b", "\uac00\u1100\u1161", "q\u0307\u0323"]
    return [{"config": _config("normalizer", step), "text": text, "normalized": step.normalize_str(text)}
            for step in steps for text in texts]


def decoder_cases():
    steps = [decoders.ByteLevel(), decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("\u2581", " "), decoders.Strip("_", 2, 0),
             decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
             decoders.Sequence([decoders.Fuse(), decoders.Strip("_", 2, 0)]), decoders.Sequence([decoders.Strip("_", 1, 0), decoders.Fuse()])]
    token_lists = [["a", "b"], ["\u2581a", "\u2581b", "c\u2581"], ["__a__", "_", "__", "b", "_"], ["\u0120a", "\u00c3", "\u00a9", "\u00c3", "b"],
                   ["<0xC3>", "<0xA9>", "x", "<0xC3>", "y"], ["<0xE6>", "<0xA8>", "<0xA1>", "<0xE6>"], ["<0xF0>", "<0x9F>", "<0x99>"], ["<0x41>", "<0xZZ>", "<0x4>", "<0x+1>"],
                   [" ", " x"], ["\u00e2\u0124", "\u00a2\u0120", "\U0001f642", " "], ["\u00f0\u0141", "\u00c3\u00c3", "!"]]
    cases = [(step, tokens) for step in steps for tokens in token_lists]
    words = [["he", "##llo", " .", "do", " not", "n't", "##'s", "'"], ["a</w>", "b", "c</w>d</w>", "e</w>"], ["\u2581a\u2581", "\u2581b\u2581c", "d"],
             ["<pad>", "a", "a", "<pad>", "a", "|", "|", "b .", "b<pad>c"]]
    steps = [decoders.WordPiece(), decoders.WordPiece("##", False), decoders.BPEDecoder(), decoders.BPEDecoder("b"), decoders.CTC(),
             decoders.CTC(cleanup=False), decoders.Metaspace(), decoders.Metaspace("_", "never"), decoders.Metaspace("\u2581", "first"),
             decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]), decoders.Sequence([decoders.BPEDecoder(), decoders.Fuse(), decoders.Strip(" ", 0, 1)])]
    cases += [(step, tokens) for step in steps for tokens in token_lists + words if "Strip" not in str(step) or "" not in tokens]
    # Stripping ends crashes the original on tokens shorter than what it strips.
    cases += [(step, ["__a__", "b_c_", "__d"]) for step in (decoders.Strip("_", 1, 1), decoders.Strip("_", 0, 2),
                                                            decoders.Sequence([decoders.Fuse(), decoders.Strip("_", 2, 1)]))]
    return [{"config": _config("decoder", step), "tokens": tokens, "text": step.decode(tokens)} for step, tokens in cases]

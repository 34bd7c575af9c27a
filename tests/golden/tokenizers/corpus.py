"""Texts that the fixture tokenizers are trained on and tested with. Everything here is our own or generated from a seed."""

import random

_SENTENCES = """The quick measurement of a slow machine is better than the slow measurement of a quick one.
A token is known when its id reaches the host; the time between two tokens is what people feel.
We don't guess: they're measured, it's stored, and you'll see what I've seen, won't you?
The compiler reads a graph, finds the repeated blocks, and rewrites them until nothing better is found.
Memory moves at some gigabytes per second, and every weight has to move once for each token.
When the cache is full the oldest entries are dropped, unless the layer attends to all of them.
for (int i = 0; i < 128; ++i) { total += values[i] * weights[i]; }
def attention(query, key, value):
    return softmax(query @ key.T / sqrt(dim)) @ value
if x == 10 and y != 200: print("x is", x, "and y is", y)
SELECT model, median FROM results WHERE run = 42 ORDER BY median DESC;
In 2024 there were 365 days, 8760 hours, 525600 minutes and 31536000 seconds; 3.14159 is not 22/7.
Das Gerät misst jede Größe größer als zwölf Ångström; der Äther bleibt übrig.
Le modèle répond à l'été, où l'élève naïf a été reçu; ça va très bien.
El niño pequeño comió una piña mañana por la mañana en el jardín español.
Быстрая модель отвечает на вопрос быстрее, чем медленная модель его читает.
Το γρήγορο μοντέλο απαντά στην ερώτηση πριν τελειώσει.
模型回答问题的速度取决于内存带宽。我们测量每一个词的时间。
速いモデルは質問に答えます。メモリの速さを測りましょう。
빠른 모델이 질문에 대답합니다. 메모리 속도를 측정합니다.
النموذج السريع يجيب على السؤال قبل أن ينتهي القارئ.
המודל המהיר עונה על השאלה לפני שהקורא מסיים.
तेज़ मॉडल प्रश्न का उत्तर देता है।
Emoji such as 🙂 🚀 👍 and 👩‍💻 take several bytes each."""


def training_lines(seed):
    rng = random.Random(seed)
    lines = _SENTENCES.split("\n")
    words = [word for line in lines[:12] for word in line.split(" ")]
    generated = [" ".join(rng.choice(words) for _ in range(rng.randint(4, 14))) for _ in range(150)]
    return lines * 4 + generated


SPECIALS = ["<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>", "<think>", "<bos>", "<start_of_turn>",
            "<|turn>", "<turn|>"]

_BY_HAND = [
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\t", "\t\t x", " \n", " \n \n  x", "a", " a", "a ",
    "Hello, world!", "hello   world", "trailing spaces   ", "   leading spaces", "line one\nline two\r\nline three\rline four",
    "don't DON'T Don'T we're WE'RE I'll I'LL you've YOU'VE he'd HE'D I'm I'M it's IT'S", "it\u2019s curly", "'sup 's 'S '\u017f",
    "'", "''", "'t", "x'll'd've", "0", "12", "123", "1234", "1234567890", "3.14159", "1,000,000", "2024-07-26", "x1y22z333",
    "\u0661\u0662\u0663\u0664 \u00bd \u00b2\u00b3 \u2163 \u0967\u0968\u0969", "int main() { return 0; }", "for(i=0;i<10;++i){\n\tsum+=a[i];\n}\n",
    "def f(x):\n    return x ** 2\n\n\nprint(f(3))", "<html><body class=\"a\">&nbsp;</body></html>", "https://example.org/a?b=c&d=%20e#f",
    "{\"key\": [1, 2.5, null, true]}", "a_b-c.d/e\\f|g~h`i^j", "$100 \u20ac200 \u00a3300 \u00a5400", "100% #hash @user (paren) [bracket]",
    "caf\u00e9", "cafe\u0301", "\u00c5ngstr\u00f6m", "A\u030angstro\u0308m", "\u1e9b\u0323", "\u212b \u2126 \ufb01", "q\u0307\u0323", "q\u0323\u0307",
    "\uac00\ub098\ub2e4", "\u1100\u1161\u11a8", "e\u0301\u0302\u0303 \u0301 alone", "naive na\u00efve nai\u0308ve", "\u00df \u1e9e stra\u00dfe STRASSE",
    "\u6a21\u578b\u56de\u7b54\u95ee\u9898", "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3067\u3059\u3002", "\u4f60\u597d\uff0c\u4e16\u754c\uff01 Hello", "\ube60\ub978 \ubaa8\ub378",
    "\U00020000\U0002a6df", "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645", "\u05e9\u05dc\u05d5\u05dd abc", "\u202babc\u202c \u200fx\u200e", "\u0924\u0947\u091c\u093c \u092e\u0949\u0921\u0932",
    "\u0e01\u0e33\u0e25\u0e31\u0e07", "\U0001f642", "\U0001f44d\U0001f3fd", "\U0001f469\u200d\U0001f4bb \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\u2764\ufe0f 1\ufe0f\u20e3", "\U0001f642\U0001f642\U0001f642 text \U0001f680", "\u00a0nbsp\u00a0\u00a0x", "\u2003em\u2003 sp",
    "\u3000\u3000\u4f60\u597d", "a\u200bb", "\u180e x\u180ey \u180e\u180e", "a\u0085b \u0085\u0085", "a\u2028b\u2029\u2029c", "\ufeffbom", "\x00nul\x00", "\x01\x02\x1b[0m", "\x1c\x1f x\x0b\x0cy",
    "\x7f\u0080\u009f", "\ufffd\ufffd", "\uffff\U0010ffff", "\ue000\uf8ff", "\u01c5\u1f88\u02b0\u01bb\u16ee", "\u203f\u2040_\uff3f", "a\u0300\u0301\u0302\u0303\u0304\u0305b",
    "A" * 70, "ab" * 40, " " * 33 + "x", "\n" * 9 + "x", "!?" * 12, "=" * 20, "\u00e9" * 15, "\u2581 a\u2581b \u2581\u2581", "<0x41><0x0A> <0xZZ>", "\u0120hello\u010a",
    "<|begin_of_text|>x", "a<|eot_id|>b<|eot_id|>", "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|><|im_start|>", "<|im_start", "<|im_start|", "<think>\n\nx</think>", "  <think>  y",
    "<bos><start_of_turn>user\nHi<end_of_turn>\n", "<|turn>user\nHi<turn|>\n<|channel>thought\n<channel|>", "<unused0><unused1><unused10>", "<b>bold</b>\n\n\ttabbed\n\n\n\nend",
    "<unk><pad><eos>", "<|endoftext|>", " <|endoftext|> ", "x <mask> y  <mask>  z", "<mask><mask> <mask>", "alpha beta alphabeta alpha-beta", "alpha\u200d alpha\u00bd x\u2163alpha \u24b6alpha alpha\ufe0f", "_alpha alpha\u0301 \u00e9alpha alpha_", " alpha ",
    "caf\u00c9 token caf\u00e9 cafe\u0301", "RIGHT  \t x", "RIGHT\n\nLEFT", "x  \u3000LEFT", "ab abc abcd abcde bcd", "ABC abc", "Ae Ae\u0301 A\u030a",
]

_POOLS = [
    ["a", "b", "e", "s", "t", "the", " the", "ing", "er", "model", "token", " memory", "Q", "Z", "THE"], list("0123456789"), ["'s", "'S", "'re", "'LL", "'"],
    [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u3000", " \n"], list(".,;:!?-_()[]{}<>/\\|@#$%^&*+=~`\"'"),
    ["\u00e9", "e\u0301", "\u00f6", "o\u0308", "\u00df", "\u00f1", "\u0301", "\u0323", "\u1e69"], ["\u6a21", "\u578b", "\u306e", "\u30c6", "\ube60", "\u1103", "\u116a", "\u3002", "\uff0c"],
    ["\u0627", "\u0644", "\u064e", "\u05e9", "\u0924", "\u0947", "\u0430", "\u0416", "\u03b1", "\u03ac"], ["\U0001f642", "\U0001f680", "\u200d", "\ufe0f", "\U0001f3fd", "\U0001f469", "\U00020000"],
    SPECIALS + ["<mask>", "<b>", "alpha", "<unused1>"], ["\x00", "\x7f", "\u0085", "\u2028", "\u200b", "\ufeff", "\u0120", "\u2581"],
]
_WEIGHTS = [8, 4, 2, 6, 5, 4, 4, 4, 2, 1, 1]


def test_texts(seed, count=240):
    rng = random.Random(seed)
    drawn = ["".join(rng.choice(rng.choices(_POOLS, _WEIGHTS)[0]) for _ in range(rng.randint(1, 26))) for _ in range(count)]
    return _BY_HAND + drawn

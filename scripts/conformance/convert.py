"""Writes a GGUF file's weights as safetensors, for `transformers serve`: convert.py FILE.gguf FOLDER."""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

source, target = Path(sys.argv[1]), Path(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
model = AutoModelForCausalLM.from_pretrained(
    source.parent,
    gguf_file=source.name,
    dtype=torch.float32,
    quantization_config=GgufConfig(dequantize=True),
)
model.save_pretrained(target)
tokenizer.save_pretrained(target)

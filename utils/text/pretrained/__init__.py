"""Pretrained encoders in Hugging Face's layout."""

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
"""The pretrained encoder that `--model minilm` starts from."""

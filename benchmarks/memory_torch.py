"""KVMemNet (models/kv_memnet.py) in PyTorch, for benchmarks/memory_step.py: its forms `pointer` and `documented`."""

from __future__ import annotations

import math
import time
from statistics import mean

import torch
from torch import nn


class Network(nn.Module):
    """The network that a `train_memnet.Config` describes.

    Args:
        config: settings of `train_memnet.py`, with `model` `pointer` or `documented`.
        vocabulary_size: ids from here on are names, which the pointer hashes; the documented model has none.
        weights: the Keras model's weights, path to tensor.
    """

    def __init__(self, config, vocabulary_size: int, weights):
        super().__init__()
        self.is_pointer, self.vocabulary_size = config.model == "pointer", vocabulary_size
        self.embedding = embedding(weights["embedding/learned"])
        if self.is_pointer:
            self.register_buffer("fixed", weights["embedding/fixed"])
            self.gain = nn.Parameter(weights["embedding/gain"])
        else:
            self.answer_embedding = embedding(weights["answer_embedding/learned"])
            self.hop = nn.Linear(config.hidden_dim, config.hidden_dim, bias=False)
            self.hop.weight = nn.Parameter(weights["hop_0/kernel"].T.contiguous())

    def forward(self, question_ids, key_ids, value_ids, memory_mask):
        mask_bias = torch.where(memory_mask > 0, 0.0, -1e9)
        if self.is_pointer:
            return dot(self.sum_of_words(question_ids), self.sum_of_words(key_ids)) + mask_bias
        query, keys, values = (by_position(self.embedding, ids) for ids in (question_ids, key_ids, value_ids))
        address = (dot(query, keys) + mask_bias).softmax(-1)
        query = self.hop(query + torch.bmm(address[:, None], values)[:, 0])
        return dot(query, by_position(self.answer_embedding, value_ids)) + mask_bias

    def sum_of_words(self, ids):
        is_name = ids >= self.vocabulary_size
        word_hash = torch.where(is_name, ids - self.vocabulary_size, 0)
        fixed = torch.cat([self.fixed[word_hash % len(self.fixed)], self.fixed[word_hash // len(self.fixed)]], -1)
        scale = self.gain / is_name.sum(-1, keepdim=True).clamp(min=1).sqrt()
        learned = self.embedding(ids.masked_fill(is_name, 0)).sum(-2)
        return learned + (fixed * is_name[..., None]).sum(-2) * scale


def embedding(table):
    table[0] = 0  # padding
    return nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)


def dot(query, texts):
    return torch.bmm(texts, query[..., None])[..., 0]


def by_position(words, ids):
    """The sum of word vectors under position encoding (Sukhbaatar et al. 2015, section 4.1)."""
    mask = (ids > 0).float()
    place = (mask.cumsum(-1) / mask.sum(-1, keepdim=True).clamp(min=1))[..., None]
    depth = torch.arange(1, words.embedding_dim + 1) / words.embedding_dim
    return (words(ids) * ((1 - place) - depth * (1 - 2 * place))).sum(-2)


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def trainer(network, config, total_steps: int):
    """Make a function that trains on batches as train_memnet.py does; it returns seconds and the mean loss."""
    settings = {"lr": config.learning_rate, "eps": 1e-7, "weight_decay": config.weight_decay}
    optimizer = torch.optim.AdamW(network.parameters(), **settings, fused=True)
    schedule = warmup_then_decay(optimizer, min(config.warmup_steps, total_steps // 5), total_steps)

    def train(batches):
        losses, begin = [], time.perf_counter()
        for inputs, targets in batches:
            loss = nn.functional.cross_entropy(network(**tensors(inputs)), torch.from_numpy(targets["scores"]))
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return time.perf_counter() - begin, mean(losses)

    return train


def warmup_then_decay(optimizer, warmup: int, total_steps: int):
    """`utils.training.schedules.WarmupThenDecay` with cosine decay."""

    def factor(step):
        progress = min(max((step + 1 - warmup) / (total_steps - warmup), 0), 1)
        return (step + 1) / warmup if step + 1 < warmup else 0.5 * (1 + math.cos(math.pi * progress))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

"""The models of next vectors (models/amn.py, recurrent_vectors.py, vector_transformer.py) in PyTorch, with one output, for
benchmarks/vector_step.py."""

from __future__ import annotations

import time
from statistics import mean

import torch
from torch import nn
from torch.nn import functional

from benchmarks.memory_torch import warmup_then_decay


class AMN(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.keys, self.queries = dense(weights, "keys"), dense(weights, "queries")
        self.hidden = nn.ModuleList(dense(weights, f"correction/hidden_{n}") for n in range(2))
        self.norms = nn.ModuleList(norm(weights, f"correction/norm_{n}") for n in range(2))
        self.correct = dense(weights, "correction/correct")

    def forward(self, vectors):
        scores = torch.einsum("bch,bh->bc", self.keys(vectors), self.queries(vectors[:, -1]))
        attention = (scores * self.keys.out_features**-0.5).softmax(-1)
        baseline, attended = vectors.mean(1), torch.einsum("bc,bcd->bd", attention, vectors)
        state = torch.cat([baseline, attended], -1)
        for hidden, normalize in zip(self.hidden, self.norms, strict=True):
            state = normalize(hidden(state)).relu()
        return functional.normalize(baseline + self.correct(state) * baseline.shape[-1] ** -0.5, dim=-1)


class LSTM(nn.Module):
    def __init__(self, weights, layers: int):
        super().__init__()
        sizes = weights["project_0/kernel"].shape[0], weights["lstm_0/cell/recurrent_kernel"].shape[0]
        self.recurrent = nn.LSTM(*sizes, layers, batch_first=True)
        for number in range(layers):
            recurrent = weights[f"lstm_{number}/cell/recurrent_kernel"]
            kernel, bias = weights[f"project_{number}/kernel"], weights[f"project_{number}/bias"]
            fill_recurrent(self.recurrent, number, kernel, recurrent, torch.stack([bias, torch.zeros_like(bias)]))
            getattr(self.recurrent, f"bias_hh_l{number}").requires_grad_(False)  # Keras has one bias
        self.predicted = dense(weights, "predicted/dense")

    def forward(self, vectors):
        return functional.normalize(self.predicted(self.recurrent(vectors)[0][:, -1]), dim=-1)


class GRU(nn.Module):
    def __init__(self, weights, layers: int):
        super().__init__()
        width = weights["gru_0/gru_cell/kernel"].shape[0]
        self.recurrent = nn.ModuleList(nn.GRU(width, width, batch_first=True) for _ in range(layers))
        for number, layer in enumerate(self.recurrent):
            cell = [weights[f"gru_{number}/gru_cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
            fill_recurrent(layer, 0, *cell, ordered=reset_first)

    def forward(self, vectors):
        for layer in self.recurrent:
            vectors = vectors + layer(vectors)[0]
        return functional.normalize(vectors[:, -1], dim=-1)


class Transformer(nn.Module):
    def __init__(self, weights, layers: int, heads: int):
        super().__init__()
        self.enter, self.heads = dense(weights, "enter"), heads
        self.position = nn.Parameter(weights["position/table"])
        names = {"qkv": "attention/qkv", "out": "attention/output", "expand": "expand", "contract": "contract"}
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {short: dense(weights, f"block_{n}/{name}") for short, name in names.items()}
                | {f"{name}_norm": norm(weights, f"block_{n}/{name}_norm") for name in ("attention", "ffn")}
            )
            for n in range(layers)
        )
        self.norm, self.predicted = norm(weights, "norm"), dense(weights, "predicted/dense")

    def forward(self, vectors):
        batch, length, dim = vectors.shape
        state = self.enter(vectors * dim**0.5) + self.position[:length]
        for block in self.blocks:
            parts = block["qkv"](block["attention_norm"](state)).view(batch, length, 3, self.heads, -1)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            state = state + block["out"](attended.transpose(1, 2).reshape(batch, length, -1))
            inner = functional.gelu(block["expand"](block["ffn_norm"](state)))
            state = state + block["contract"](inner)
        return functional.normalize(self.predicted(self.norm(state)[:, -1]), dim=-1)


def dense(weights, name: str) -> nn.Linear:
    kernel = weights.get(f"{name}/kernel", weights.get(f"{name}_kernel"))
    layer = nn.Linear(*kernel.shape)
    layer.weight = nn.Parameter(kernel.T.contiguous())
    layer.bias = nn.Parameter(weights.get(f"{name}/bias", weights.get(f"{name}_bias")))
    return layer


def norm(weights, name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(len(weights[f"{name}/gamma"]), eps=1e-6)
    layer.weight, layer.bias = nn.Parameter(weights[f"{name}/gamma"]), nn.Parameter(weights[f"{name}/beta"])
    return layer


def fill_recurrent(layer, number: int, kernel, recurrent, biases, ordered=lambda of: of) -> None:
    """Give a recurrent layer a Keras cell's weights, `ordered` as PyTorch has the gates."""
    values = {"weight_ih": kernel.T, "weight_hh": recurrent.T, "bias_ih": biases[0], "bias_hh": biases[1]}
    with torch.no_grad():
        for kind, value in values.items():
            getattr(layer, f"{kind}_l{number}").copy_(ordered(value))


def reset_first(of):
    """A GRU's gates: Keras has update, reset, new; PyTorch reset, update, new."""
    update, reset, new = of.chunk(3)
    return torch.cat([reset, update, new])


def network(name: str, config: dict, weights) -> nn.Module:
    """The network of a Keras model's configuration with its weights (tensors by path)."""
    if name == "amn":
        return AMN(weights)
    if name == "transformer":
        return Transformer(weights, config["num_layers"], config["num_heads"])
    return {"lstm": LSTM, "gru": GRU}[name](weights, config["num_layers"])


def trainer(network, settings, total_steps: int):
    """A function that trains on batches of vectors and wanted ones, giving seconds and mean loss."""
    given = {"lr": settings.learning_rate, "eps": 1e-7, "weight_decay": settings.weight_decay}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, **given, fused=True)
    schedule = warmup_then_decay(optimizer, min(settings.warmup_steps, total_steps // 5), total_steps)

    def train(batches):
        losses, begin = [], time.perf_counter()
        for vectors, wanted in batches:
            loss = functional.mse_loss(network(torch.from_numpy(vectors)), torch.from_numpy(wanted))
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return time.perf_counter() - begin, mean(losses)

    return train

"""The models of next vectors in PyTorch, with one output, for benchmarks/vector_step.py.

The originals are models/amn.py, models/recurrent_vectors.py and models/vector_transformer.py.
"""

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
        self.output = dense(weights, "correction/output_dense")

    def forward(self, vectors):
        scores = torch.einsum("bch,bh->bc", self.keys(vectors), self.queries(vectors[:, -1]))
        attention = (scores * self.keys.out_features**-0.5).softmax(-1)
        baseline, attended = vectors.mean(1), torch.einsum("bc,bcd->bd", attention, vectors)
        state = torch.cat([baseline, attended], -1)
        for hidden, normalize in zip(self.hidden, self.norms, strict=True):
            state = normalize(hidden(state)).relu()
        return functional.normalize(baseline + self.output(state) * baseline.shape[-1] ** -0.5, dim=-1)


class LSTM(nn.Module):
    def __init__(self, weights, num_layers: int):
        super().__init__()
        sizes = weights["input_projection_0/kernel"].shape[0], weights["lstm_0/cell/recurrent_kernel"].shape[0]
        self.recurrent = nn.LSTM(*sizes, num_layers, batch_first=True)
        for n in range(num_layers):
            kernel, bias = weights[f"input_projection_{n}/kernel"], weights[f"input_projection_{n}/bias"]
            biases = torch.stack([bias, torch.zeros_like(bias)])
            set_recurrent_weights(self.recurrent, n, kernel, weights[f"lstm_{n}/cell/recurrent_kernel"], biases)
            getattr(self.recurrent, f"bias_hh_l{n}").requires_grad_(False)  # Keras has one bias
        self.predicted = dense(weights, "predicted/dense")

    def forward(self, vectors):
        return functional.normalize(self.predicted(self.recurrent(vectors)[0][:, -1]), dim=-1)


class GRU(nn.Module):
    def __init__(self, weights, num_layers: int):
        super().__init__()
        dim = weights["gru_0/gru_cell/kernel"].shape[0]
        self.recurrent = nn.ModuleList(nn.GRU(dim, dim, batch_first=True) for _ in range(num_layers))
        for n, layer in enumerate(self.recurrent):
            cell = [weights[f"gru_{n}/gru_cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
            set_recurrent_weights(layer, 0, *cell, reorder=reset_gate_first)

    def forward(self, vectors):
        for layer in self.recurrent:
            vectors = vectors + layer(vectors)[0]
        return functional.normalize(vectors[:, -1], dim=-1)


class Transformer(nn.Module):
    def __init__(self, weights, num_layers: int, num_heads: int):
        super().__init__()
        self.input_projection, self.num_heads = dense(weights, "input_projection"), num_heads
        self.position = nn.Parameter(weights["position/table"])
        names = {"qkv": "attention/qkv", "output": "attention/output", "expand": "expand", "contract": "contract"}
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {short: dense(weights, f"block_{n}/{name}") for short, name in names.items()}
                | {f"{name}_norm": norm(weights, f"block_{n}/{name}_norm") for name in ("attention", "ffn")}
            )
            for n in range(num_layers)
        )
        self.norm, self.predicted = norm(weights, "norm"), dense(weights, "predicted/dense")

    def forward(self, vectors):
        batch, length, dim = vectors.shape
        state = self.input_projection(vectors * dim**0.5) + self.position[:length]
        for block in self.blocks:
            qkv = block["qkv"](block["attention_norm"](state)).view(batch, length, 3, self.num_heads, -1)
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            state = state + block["output"](attended.transpose(1, 2).reshape(batch, length, -1))
            expanded = functional.gelu(block["expand"](block["ffn_norm"](state)))
            state = state + block["contract"](expanded)
        return functional.normalize(self.predicted(self.norm(state)[:, -1]), dim=-1)


def dense(weights, name: str) -> nn.Linear:
    """A linear layer with the weights of a Keras Dense layer."""
    kernel = weights.get(f"{name}/kernel", weights.get(f"{name}_kernel"))
    layer = nn.Linear(*kernel.shape)
    layer.weight = nn.Parameter(kernel.T.contiguous())
    layer.bias = nn.Parameter(weights.get(f"{name}/bias", weights.get(f"{name}_bias")))
    return layer


def norm(weights, name: str) -> nn.LayerNorm:
    """A layer normalization with the weights of a Keras one."""
    layer = nn.LayerNorm(len(weights[f"{name}/gamma"]), eps=1e-6)
    layer.weight, layer.bias = nn.Parameter(weights[f"{name}/gamma"]), nn.Parameter(weights[f"{name}/beta"])
    return layer


def set_recurrent_weights(layer, number: int, kernel, recurrent_kernel, biases, reorder=lambda weights: weights):
    """Give a recurrent layer the weights of a Keras cell; `reorder` brings the gates into PyTorch's order."""
    values = {"weight_ih": kernel.T, "weight_hh": recurrent_kernel.T, "bias_ih": biases[0], "bias_hh": biases[1]}
    with torch.no_grad():
        for kind, value in values.items():
            getattr(layer, f"{kind}_l{number}").copy_(reorder(value))


def reset_gate_first(weights):
    """The gates of a GRU from Keras' order (update, reset, candidate) in PyTorch's (reset, update, candidate)."""
    update_gate, reset_gate, candidate = weights.chunk(3)
    return torch.cat([reset_gate, update_gate, candidate])


def network(name: str, config: dict, weights) -> nn.Module:
    """The network of a Keras model's configuration with the model's weights (tensors by path)."""
    if name == "amn":
        return AMN(weights)
    if name == "transformer":
        return Transformer(weights, config["num_layers"], config["num_heads"])
    return {"lstm": LSTM, "gru": GRU}[name](weights, config["num_layers"])


def trainer(network, settings, total_steps: int):
    """A function that trains on pairs of contexts and targets and returns seconds and mean loss."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, eps=1e-7, weight_decay=settings.weight_decay, fused=True
    )
    schedule = warmup_then_decay(optimizer, min(settings.warmup_steps, total_steps // 5), total_steps)

    def train(batches):
        losses, begin = [], time.perf_counter()
        for contexts, targets in batches:
            loss = functional.mse_loss(network(torch.from_numpy(contexts)), torch.from_numpy(targets))
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return time.perf_counter() - begin, mean(losses)

    return train

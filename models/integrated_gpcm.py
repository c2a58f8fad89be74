"""IntegratedAttentionGPCM: knowledge tracing by memory and attention in cycles, with a partial-credit output."""

import math

import keras
from keras import ops

from components.attention import MultiHeadSelfAttention
from components.gpcm import HEADS, IRTParameters, response_embedding_layer
from components.item_embedding import ItemEmbedding
from components.key_value_memory import DynamicKeyValueMemory
from components.relative_position_bias import RelativePositionBias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class IntegratedAttentionGPCM(keras.Model):
    """DeepGPCM (models/deep_gpcm.py) whose memory is read, attended to and written again with refined values, `num_cycles` times.

    With `q_t` the item's vector, `v_t` the response's, and cycle c from 1:

        r = read of DynamicKeyValueMemory at q, with v written                       read before the step's own write
        u_t = tanh(U [q_t; v_{t-1}; r_t]);  a = causal multi-head attention over u   what was read and answered so far
        s_t = tanh(W [r_t; a_t]);  x_t <- x_t + g_t (s_t - x_t),  g_t = sigmoid(G [x_t; s_t])     gated residual
        v_t <- v_t + relu(LayerNorm(R [v_t; r_t; a_t]))                              refinement, written in the next cycle

    and after the last, ability, discrimination, thresholds and logits from `x_t` and `q_t`. A cycle is one scan over the whole
    sequence, not a step of a loop over time: within it `r_t`, `u_t` and `a_t` know the responses before t alone.

    Args:
        num_items, num_categories, num_slots, key_dim, value_dim, summary_dim, response_embedding, shared_embedding, item_skills,
            item_scale, head (`gpcm` or `graded`), monotone, item_discrimination, ability_sees_item, dropout: as of `DeepGPCM`;
            `summary_dim` must be a multiple of `num_heads`.
        num_cycles: at least 1.
        num_heads: of the attention.
        forgetting: whether the memory fades (`components.key_value_memory.DynamicKeyValueMemory`).
        attention, refinement, gate: False takes the part out (`a` is 0; `v` stays as it is; `x = s`).
        confident: share of the largest entropy, `log K`, below which a step's prediction is left as it is by later cycles; 0 never.

    Inputs as of `DeepGPCM`. Output: a dict of float32 `logits` `(batch, steps, K)`, `address`, `ability`, `discrimination`,
    `thresholds` as of `DeepGPCM`, and `skipped` `(batch, steps)`, the share of the later cycles that left the step as it was.
    """

    def __init__(
        self,
        num_items,
        num_categories,
        num_slots=20,
        key_dim=50,
        value_dim=100,
        summary_dim=48,
        response_embedding="linear_decay",
        head="gpcm",
        num_cycles=2,
        num_heads=4,
        forgetting=True,
        attention=True,
        refinement=True,
        gate=True,
        confident=0.0,
        monotone=False,
        item_discrimination=True,
        ability_sees_item=False,
        shared_embedding=True,
        item_skills=None,
        item_scale=0.03,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_cycles < 1 or not 0 <= confident <= 1:
            raise ValueError(f"num_cycles {num_cycles} must be at least 1, confident {confident} from 0 to 1")
        if head not in HEADS:
            raise ValueError(f"head {head!r} must be one of {', '.join(HEADS)}")
        self.config = {
            "num_items": num_items,
            "num_categories": num_categories,
            "num_slots": num_slots,
            "key_dim": key_dim,
            "value_dim": value_dim,
            "summary_dim": summary_dim,
            "response_embedding": response_embedding,
            "head": head,
            "num_cycles": num_cycles,
            "num_heads": num_heads,
            "forgetting": forgetting,
            "attention": attention,
            "refinement": refinement,
            "gate": gate,
            "confident": confident,
            "monotone": monotone,
            "item_discrimination": item_discrimination,
            "ability_sees_item": ability_sees_item,
            "shared_embedding": shared_embedding,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
            "dropout": dropout,
        }
        policy = self.dtype_policy

        def dense(units, activation, name):
            return keras.layers.Dense(units, activation, dtype=policy, name=name)

        self.item_embedding = ItemEmbedding(
            num_items, key_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = response_embedding_layer(
            num_items, num_categories, value_dim, response_embedding, shared_embedding, policy
        )
        self.memory = DynamicKeyValueMemory(num_slots, value_dim, forgetting, dtype=policy, name="memory")
        if attention:
            self.so_far = dense(summary_dim, "tanh", "so_far")
            self.distance = RelativePositionBias(num_heads, dtype=policy, name="distance")
            self.attention = MultiHeadSelfAttention(num_heads, dtype=policy, name="attention")
        self.summary = dense(summary_dim, "tanh", "summary")
        if gate and num_cycles > 1:
            self.gate = dense(summary_dim, "sigmoid", "gate")
        if refinement and num_cycles > 1:
            self.refinement = dense(value_dim, None, "refinement")
            self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy, name="dropout")
        monotone = monotone or head == "graded"
        self.irt = IRTParameters(num_categories, monotone, item_discrimination, dtype=policy, name="irt")

    def build(self, input_shape=None):
        key, value, summary = (self.config[name] for name in ("key_dim", "value_dim", "summary_dim"))
        attended = summary if self.config["attention"] else 0

        def size(dim):
            return None, None, dim

        self.item_embedding.build((None, None))
        self.response_embedding.build((None, None, self.config["key_dim"]), (None, None))
        self.memory.build(size(key), size(value))
        if self.config["attention"]:
            self.so_far.build(size(key + 2 * value))
            self.distance.build(size(summary))
            self.attention.build(size(summary))
        self.summary.build(size(value + attended + (key if self.config["ability_sees_item"] else 0)))
        if self.config["num_cycles"] > 1 and self.config["gate"]:
            self.gate.build(size(2 * summary))
        if self.config["num_cycles"] > 1 and self.config["refinement"]:
            self.refinement.build(size(2 * value + attended))
            self.norm.build(size(value))
        self.irt.build(size(summary), size(key))
        self.built = True

    def call(self, inputs, training=None):
        mask, cycles = inputs["padding_mask"], self.config["num_cycles"]
        item = self.item_embedding(inputs["item_ids"])
        of = item if self.config["shared_embedding"] else inputs["item_ids"]
        answered = self.response_embedding(of, inputs["responses"])
        seen = [item] if self.config["ability_sees_item"] else []
        state, active, skipped = None, None, 0.0
        for cycle in range(cycles):
            read, address = self.memory(item, answered, mask)
            parts = [read]
            if self.config["attention"]:
                before = ops.pad(answered, ((0, 0), (1, 0), (0, 0)))[:, :-1]
                so_far = self.so_far(ops.concatenate([item, before, read], axis=-1))
                bias = self.distance(so_far)
                parts.append(
                    self.attention(so_far, padding_mask=mask, attention_bias=bias, causal=True, training=training)
                )
            found = self.dropout(self.summary(ops.concatenate(parts + seen, axis=-1)), training=training)
            if state is not None:
                if self.config["gate"]:
                    found = state + self.gate(ops.concatenate([state, found], axis=-1)) * (found - state)
                found = active * found + (1 - active) * state
                skipped = skipped + (1 - active[..., 0]) / (cycles - 1)
            state = found
            if cycle < cycles - 1:
                active = self._active(state, item)
                if self.config["refinement"]:
                    more = self.norm(self.refinement(ops.concatenate([answered, *parts], axis=-1)))
                    answered = answered + active * ops.relu(more)
        logits, irt = self._logits(state, item)
        skipped = ops.cast(skipped, "float32") + ops.zeros_like(logits[..., 0])
        return {"logits": logits, "address": address, "skipped": skipped, **irt}

    def _logits(self, state, item):
        irt = self.irt(state, item)
        return HEADS[self.config["head"]](irt["ability"], irt["discrimination"], irt["thresholds"]), irt

    def _active(self, state, item):
        """1 for a step whose prediction so far is not confident, else 0, `(batch, steps, 1)`."""
        if not self.config["confident"]:
            return ops.ones_like(state[..., :1])
        logits, _ = self._logits(state, item)
        entropy = -ops.sum(ops.softmax(logits) * ops.log_softmax(logits), axis=-1, keepdims=True)
        least = self.config["confident"] * math.log(self.config["num_categories"])
        return ops.cast(entropy >= least, state.dtype)

    def get_config(self):
        return {**super().get_config(), **self.config}

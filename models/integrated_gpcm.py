"""IntegratedAttentionGPCM: knowledge tracing by a memory and attention, in one or more cycles, with a partial-credit output."""

import math

import keras
from keras import ops

from components.dynamic_key_value_memory import DynamicKeyValueMemory
from components.irt_logits import HEADS
from components.irt_parameters import IRTParameters
from components.item_embedding import ItemEmbedding
from components.multi_head_self_attention import MultiHeadSelfAttention
from components.previous_step import previous_step
from components.relative_position_bias import RelativePositionBias
from components.shared_response_embedding import response_embedding_layer


@keras.saving.register_keras_serializable(package="qkv_zoo")
class IntegratedAttentionGPCM(keras.Model):
    """DeepGPCM (`models.deep_gpcm`) with causal attention over what was read, repeated in cycles.

    With q_t the item's vector and v_t the response's, every cycle computes

        r_t = read of DynamicKeyValueMemory at q_t, with v written         the read comes before the step's own write
        u_t = tanh(U [q_t; v_{t-1}; r_t])                                  attention input
        a = causal multi-head attention over u
        s_t = tanh(W [r_t; a_t])                                           summary
        x_t <- x_t + g_t (s_t - x_t),  g_t = sigmoid(G [x_t; s_t])         gated update of the state; first x_t = s_t
        v_t <- v_t + relu(LayerNorm(R [v_t; r_t; a_t]))                    refinement, written in the next cycle

    After the last cycle, IRTParameters(x_t, q_t) gives ability, discrimination, thresholds and the logits, as in DeepGPCM. A cycle
    is one pass over the whole sequence, not a step in time: r_t, u_t and a_t depend on the responses before t alone.

    What the parts bring was measured on simulated students (docs/tracing.md): attention, forgetting and the gate lower the
    negative log-likelihood; a second cycle and the refinement bring nothing, and `confident` costs a little.

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        num_slots, key_dim, value_dim, summary_dim: ints, sizes of the memory and of `s_t`; `summary_dim` must be a multiple of
            `num_heads`.
        response_embedding, monotone, item_discrimination, ability_sees_item, shared_embedding, item_skills, item_scale, dropout:
            as in `models.deep_gpcm.DeepGPCM`.
        head: str, `gpcm` or `graded`.
        num_cycles: int, at least 1. A second cycle brought nothing; 1 is a third faster.
        num_heads: int, attention heads.
        forgetting: bool, whether the memory fades with time (`components.dynamic_key_value_memory`).
        attention: bool; if False, `s_t = tanh(W r_t)`.
        refinement: bool; if False, `v_t` stays as it is. It brought nothing. Without effect where there is one cycle.
        gate: bool; if False, `x_t = s_t`. Without effect where there is one cycle.
        confident: float in [0, 1]. Later cycles leave a step as it is when the entropy of its prediction is below this fraction of
            `log K`; 0 turns this off. It brought nothing: predictions get slightly worse, and no time is saved, because the
            skipped steps are computed all the same.

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step.

    Returns:
        A dict of float32 arrays: `logits` `(batch, steps, K)`; `address` `(batch, steps, num_slots)`; `ability` and
        `discrimination` `(batch, steps)`; `thresholds` `(batch, steps, K - 1)`; `skipped` `(batch, steps)`, the fraction of the
        later cycles that left the step as it was.

    Raises:
        ValueError: an unknown head, no cycle, or `confident` out of range.

    Example:

    >>> model = IntegratedAttentionGPCM(num_items=11, num_categories=5, num_cycles=1)
    >>> steps = ops.ones((2, 7), "int32")
    >>> tuple(model({"item_ids": steps, "responses": steps, "padding_mask": steps})["logits"].shape)
    (2, 7, 5)
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
            self.attention_input = dense(summary_dim, "tanh", "attention_input")
            self.position_bias = RelativePositionBias(num_heads, dtype=policy, name="position_bias")
            self.attention = MultiHeadSelfAttention(num_heads, dtype=policy, name="attention")
        # Not `summary`, which is a method of keras.Model: on PyTorch the method would win.
        self.summary_layer = dense(summary_dim, "tanh", "summary")
        if gate and num_cycles > 1:
            self.gate = dense(summary_dim, "sigmoid", "gate")
        if refinement and num_cycles > 1:
            self.refinement = dense(value_dim, None, "refinement")
            self.refinement_norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="refinement_norm")
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy, name="dropout")
        monotone = monotone or head == "graded"
        self.irt = IRTParameters(num_categories, monotone, item_discrimination, dtype=policy, name="irt")

    def build(self, input_shape=None):
        key, value, summary = (self.config[name] for name in ("key_dim", "value_dim", "summary_dim"))
        attended = summary if self.config["attention"] else 0
        item = key if self.config["ability_sees_item"] else 0

        def sequence(dim):
            return None, None, dim

        self.item_embedding.build((None, None))
        self.response_embedding.build(sequence(key), (None, None))
        self.memory.build(sequence(key), sequence(value))
        if self.config["attention"]:
            self.attention_input.build(sequence(key + 2 * value))
            self.position_bias.build(sequence(summary))
            self.attention.build(sequence(summary))
        self.summary_layer.build(sequence(value + attended + item))
        if self.config["num_cycles"] > 1 and self.config["gate"]:
            self.gate.build(sequence(2 * summary))
        if self.config["num_cycles"] > 1 and self.config["refinement"]:
            self.refinement.build(sequence(2 * value + attended))
            self.refinement_norm.build(sequence(value))
        self.irt.build(sequence(summary), sequence(key))
        self.built = True

    def call(self, inputs, training=None):
        mask, num_cycles = inputs["padding_mask"], self.config["num_cycles"]
        item_ids, item = inputs["item_ids"], self.item_embedding(inputs["item_ids"])  # q_t
        responses = self.response_embedding(item if self.config["shared_embedding"] else item_ids, inputs["responses"])
        state, active, skipped = None, None, 0.0
        for cycle in range(num_cycles):
            read, address = self.memory(item, responses, mask)  # r_t
            context = [read]
            if self.config["attention"]:
                context.append(self._attend(item, responses, read, mask, training))  # a_t
            extra = [item] if self.config["ability_sees_item"] else []
            summary = self.dropout(
                self.summary_layer(ops.concatenate(context + extra, axis=-1)), training=training
            )  # s_t
            if state is None:
                state = summary
            else:
                if self.config["gate"]:
                    gate = self.gate(ops.concatenate([state, summary], axis=-1))  # g_t
                    summary = state + gate * (summary - state)
                state = active * summary + (1 - active) * state  # x_t
                skipped = skipped + (1 - active[..., 0]) / (num_cycles - 1)
            if cycle < num_cycles - 1:
                active = self._active(state, item)
                if self.config["refinement"]:
                    refined = self.refinement_norm(self.refinement(ops.concatenate([responses, *context], axis=-1)))
                    responses = responses + active * ops.relu(refined)  # v_t
        logits, irt = self._logits(state, item)
        skipped = ops.cast(skipped, "float32") + ops.zeros_like(logits[..., 0])
        return {"logits": logits, "address": ops.cast(address, "float32"), "skipped": skipped, **irt}

    def _attend(self, item, responses, read, mask, training):
        """Return a_t: attention of each step over itself and the steps before it, `(batch, steps, summary_dim)`."""
        previous = previous_step(responses)  # v_{t-1}
        x = self.attention_input(ops.concatenate([item, previous, read], axis=-1))  # u_t
        bias = self.position_bias(x)
        return self.attention(x, padding_mask=mask, attention_bias=bias, causal=True, training=training)

    def _logits(self, state, item):
        """Return the logits and a dict of ability, discrimination and thresholds, all float32."""
        irt = {name: ops.cast(value, "float32") for name, value in self.irt(state, item).items()}
        return HEADS[self.config["head"]](**irt), irt

    def _active(self, state, item):
        """Return 1 for each step that the next cycle updates, and 0 for each whose prediction is confident, `(batch, steps, 1)`."""
        if not self.config["confident"]:
            return ops.ones_like(state[..., :1])
        logits, _ = self._logits(state, item)
        entropy = -ops.sum(ops.softmax(logits) * ops.log_softmax(logits), axis=-1, keepdims=True)
        limit = self.config["confident"] * math.log(self.config["num_categories"])
        return ops.cast(entropy >= limit, state.dtype)

    def get_config(self):
        return {**super().get_config(), **self.config}

"""AdamW on repeated embedding rows, what has no weight decay, and learning rates per layer."""

import keras
import numpy as np
import pytest
from keras import ops

from models.amn import AMN
from models.bert_qa import BertQA
from models.bi_encoder import BiEncoder
from models.integrated_gpcm import IntegratedAttentionGPCM
from tests.helpers.three_steps import ONE_OF_EACH_CLASS
from utils.training.optimizers import NOT_DECAYED, AdamW, LayerwiseAdamW, make_optimizer
from utils.training.schedules import WarmupThenDecay

SIZE = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 3, "num_heads": 2, "intermediate_dim": 5, "max_length": 7}


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    model = BertQA(SIZE)
    model.build()
    return model


def trained(make_lookup, jit_compile, **settings):
    """A table of 7 rows after three steps in which row 2 occurs four times, row 5 once, and the others never."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((5,), dtype="int32")
    table = make_lookup()
    outputs = ops.sum(table(inputs), axis=(1, 2))
    model = keras.Model(inputs, outputs)
    model.compile(AdamW(0.1, **settings), loss=lambda target, output: ops.mean(output), jit_compile=jit_compile)
    for _ in range(3):
        model.train_on_batch(np.array([[2, 2, 5, 2, 2]]), np.zeros((1, 1), "float32"))
    return model, ops.convert_to_numpy(table.trainable_variables[0])


class OneHotLookup(keras.layers.Layer):
    """What `Embedding` does, by a product whose gradient is dense."""

    def build(self, _):
        self.table = self.add_weight(name="table", shape=(7, 3), initializer=keras.initializers.RandomUniform(seed=1))

    def call(self, inputs):
        return ops.matmul(ops.one_hot(inputs, 7), self.table)


def embedding():
    return keras.layers.Embedding(7, 3, embeddings_initializer=keras.initializers.RandomUniform(seed=1))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("settings", [{}, {"global_clipnorm": 0.5}, {"weight_decay": 0.3}], ids=str)
def test_repeated_rows_equal_the_dense_gradient(settings, jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("PyTorch runs steps uncompiled, see utils/training/fit.py")
    model, rows = trained(embedding, jit_compile, **settings)
    other, dense = trained(OneHotLookup, jit_compile, **settings)
    np.testing.assert_allclose(rows, dense, atol=1e-6)
    for ours, reference in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(reference), rtol=1e-5, atol=1e-9)
    # The gradient before clipping: 4 for row 2 and 1 for row 5, in each of 3 columns.
    assert float(model.optimizer.gradient_norm) == pytest.approx(np.sqrt(3 * (4**2 + 1**2)), rel=1e-6)


def test_the_norm_of_the_gradient_under_loss_scaling():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.LossScaleOptimizer(AdamW(0.1, global_clipnorm=0.5)), loss="mse", jit_compile=False)
    model.train_on_batch(np.array([[2.0]]), np.array([[3.0]]))
    assert float(model.optimizer.inner_optimizer.gradient_norm) == pytest.approx(12.0)  # 2 * (0 - 3) * 2


@pytest.mark.parametrize("norm", [0.25, 2.0])
def test_clipping_is_that_of_keras(norm):
    gradients = [np.array([0.6 * norm, 0.0], "float32"), np.array([[0.8 * norm]], "float32")]
    clipped = []
    for kind in (AdamW, keras.optimizers.AdamW):
        optimizer = kind(0.1, global_clipnorm=1.0)
        optimizer.build([keras.Variable(gradient) for gradient in gradients])
        clipped.append([ops.convert_to_numpy(g) for g in optimizer._clip_gradients([*map(ops.array, gradients)])])
    for ours, reference in zip(*clipped, strict=True):
        np.testing.assert_array_equal(ours, reference)


def test_steps_are_those_of_keras():
    generator = np.random.default_rng(0)
    shapes = [(3, 2), (2,), ()]
    starts = [generator.normal(size=shape).astype("float32") for shape in shapes]
    gradients = [[generator.normal(size=shape).astype("float32") for shape in shapes] for _ in range(5)]
    ends = []
    for kind in (AdamW, keras.optimizers.AdamW):
        optimizer = kind(WarmupThenDecay(0.1, 2, 5), weight_decay=0.3, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
        variables = [keras.Variable(start, name="kernel") for start in starts]
        for gradient in gradients:
            optimizer.apply([*map(ops.array, gradient)], variables)
        moments = optimizer._momentums + optimizer._velocities
        ends.append([ops.convert_to_numpy(variable) for variable in variables + moments])
    for ours, reference in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, reference, rtol=2e-5, atol=1e-7)


def test_the_learning_rate_is_computed_no_oftener_for_more_weights():
    class Counted(WarmupThenDecay):
        calls = 0

        def __call__(self, step):
            self.calls += 1
            return super().__call__(step)

    counts = []
    for number in (1, 7):
        schedule = Counted(0.1, 2, 5)
        variables = [keras.Variable(np.ones(2, "float32"), name="kernel") for _ in range(number)]
        AdamW(schedule, weight_decay=0.1).apply([ops.ones(2)] * number, variables)
        counts.append(schedule.calls)
    assert counts[0] == counts[1] > 0


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad is not supported"):
        AdamW(0.1, amsgrad=True)


def test_second_moment_of_a_row_that_occurs_four_times_is_that_of_its_sum():
    model, _ = trained(embedding, False, beta_2=0.0)
    velocity = ops.convert_to_numpy(model.optimizer._velocities[0])
    np.testing.assert_allclose(velocity[:, 0], [0, 0, 16, 0, 0, 1, 0], atol=1e-6)


def test_only_whole_last_parts_of_paths_are_left_out_of_weight_decay(model):
    optimizer = AdamW(0.01, weight_decay=0.1)
    optimizer.build(model.trainable_variables)
    decayed = {v.path.rsplit("/", 1)[-1] for v in model.trainable_variables if optimizer._use_weight_decay(v)}
    assert decayed == {"kernel", "qkv_kernel", "embeddings", "table"}
    before = {v.path: ops.convert_to_numpy(v) for v in model.trainable_variables}
    optimizer.apply([ops.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables)
    for variable in model.trainable_variables:
        factor = 1.0 if variable.path.rsplit("/", 1)[-1] in NOT_DECAYED else 1 - 0.01 * 0.1
        np.testing.assert_allclose(ops.convert_to_numpy(variable), before[variable.path] * factor, rtol=1e-6)


def test_what_is_excluded_from_weight_decay_has_none():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    optimizer = AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=[layer.kernel])
    optimizer.build(layer.trainable_variables)
    assert not any(optimizer._use_weight_decay(variable) for variable in layer.trainable_variables)


def test_a_path_that_only_contains_bias_is_decayed():
    layer = keras.layers.Dense(2, name="match_bias_0")
    layer.build((None, 3))
    optimizer = AdamW(0.01, weight_decay=0.1)
    optimizer.build(layer.trainable_variables)
    assert [optimizer._use_weight_decay(variable) for variable in layer.trainable_variables] == [True, False]


def moves(model, optimizer):
    """The largest change of every variable in one step from equal gradients: Adam's first step is the learning rate itself."""
    before = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    optimizer.apply([ops.ones(variable.shape) for variable in model.trainable_variables], model.trainable_variables)
    after = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    paths = [variable.path.removeprefix(model.name + "/") for variable in model.trainable_variables]
    return {path: float(np.abs(a - b).max()) for path, a, b in zip(paths, after, before, strict=True)}


def test_each_layer_learns_slower_than_the_one_above(model):
    moved = moves(model, LayerwiseAdamW(0.01, weight_decay=0.0, layer_decay=0.5, num_layers=3))
    expected = {
        "span_head/": 1,
        "block_2/": 0.5,
        "block_1/": 0.25,
        "block_0/": 0.125,
        "embedding": 0.0625,
        "position/": 0.0625,
    }
    for part, factor in expected.items():
        moves_of_part = [move for path, move in moved.items() if part in path]
        np.testing.assert_allclose(moves_of_part, 0.01 * factor, rtol=1e-3)
    assert sum(any(part in path for part in expected) for path in moved) == len(moved)


def test_without_decay_it_is_adamw(model):
    np.testing.assert_allclose(list(moves(model, LayerwiseAdamW(0.01, weight_decay=0.0)).values()), 0.01, rtol=1e-3)


def test_a_model_named_like_an_encoder_is_none():
    optimizer = LayerwiseAdamW(0.1, layer_decay=0.5, num_layers=2)
    assert optimizer.factor("bi_encoder/projection/kernel") == 1
    assert optimizer.factor("bi_encoder/candidates/encoder/block_1/expand/kernel") == 0.5
    assert optimizer.factor("bi_encoder/candidates/encoder/token_embedding/embeddings") == 0.125


def test_it_comes_back_from_its_config():
    again = LayerwiseAdamW.from_config(LayerwiseAdamW(0.1, layer_decay=0.7, num_layers=4).get_config())
    assert again.factor("x/encoder/block_3/expand/kernel") == 0.7 and again.factor("x/span_head/bias") == 1


def test_layer_decay_needs_the_number_of_layers():
    with pytest.raises(ValueError, match="needs num_layers"):
        LayerwiseAdamW(0.1, layer_decay=0.5)


def test_make_optimizer_cuts_the_warm_up_to_a_fifth():
    schedule = make_optimizer(1.0, 50, warmup_steps=500).get_config()["learning_rate"]["config"]
    assert schedule["warmup_steps"] == 10 and schedule["total_steps"] == 50


@pytest.mark.parametrize("case", ONE_OF_EACH_CLASS, ids=lambda case: case.name)
def test_weight_decay_leaves_out_what_is_no_matrix(case):
    """Two vectors are weights like those of a matrix: they multiply the parts of a vector."""
    model = case.make()
    vectors = {variable.path.rsplit("/", 1)[-1] for variable in model.trainable_variables if len(variable.shape) < 2}
    assert vectors <= NOT_DECAYED | {"product_weight", "attention"}


def test_numbers_that_stand_for_themselves_have_no_weight_decay():
    encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    models = (
        AMN(dim=6, context_length=5, similarity_dim=4),
        BiEncoder(encoder, lexical=True),
        IntegratedAttentionGPCM(num_items=5, num_categories=3, forgetting=True),
    )
    left_out = set()
    for model in models:
        model.build()
        optimizer = make_optimizer(0.1, 10, weight_decay=0.1)
        optimizer.build(model.trainable_variables)
        left_out |= {v.path.rsplit("/", 1)[-1] for v in model.trainable_variables if not optimizer._use_weight_decay(v)}
    numbers = {"weights_by_distance", "recency_bias", "distance", "fading", "parameters", "vector_weight"}
    assert numbers <= left_out

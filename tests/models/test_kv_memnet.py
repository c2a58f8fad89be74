"""KVMemNet: its equations, masks, learning and files."""

import keras
import numpy as np
import pytest
from keras import ops

from models import load_model
from models.kv_memnet import KVMemNet
from tests.helpers.calls import outputs
from tests.helpers.learning import learn

VOCABULARY, BATCH, SLOTS = 11, 3, 5
KINDS = [
    {"scoring": "pointer", "encoder": "words"},
    {"scoring": "pointer", "encoder": "words", "num_hops": 2},
    {"scoring": "tied", "encoder": "position", "num_buckets": 0},
    {"scoring": "untied", "encoder": "words", "num_hops": 3},
    {"scoring": "untied", "encoder": "transformer"},
    {"scoring": "pointer", "encoder": "words", "num_buckets": 0, "num_evidence": 3},
    {"scoring": "pointer", "encoder": "words", "num_buckets": 0, "num_evidence": 3, "num_hops": 2},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))


def make(num_buckets=13, **kind):
    keras.utils.set_random_seed(6)
    model = KVMemNet(VOCABULARY, hidden_dim=8, num_heads=2, num_buckets=num_buckets, **kind)
    model.build()
    return model


def batch(limit=VOCABULARY + 13 * 13, slots=SLOTS, seed=3):
    rng = np.random.default_rng(seed)

    def ids(*shape):
        result = rng.integers(1, limit, shape).astype("int32")
        result[..., -1] = 0  # padding
        return result

    mask = np.ones((BATCH, slots), "int32")
    mask[1, 2:] = 0
    keys, values = (ids(BATCH, slots, words) * mask[..., None] for words in (7, 3))
    evidence = rng.random((BATCH, slots, 3), "float32") * mask[..., None]
    return {
        "question_ids": ids(BATCH, 4),
        "key_ids": keys,
        "value_ids": values,
        "memory_mask": mask,
        "evidence": evidence,
        "subject_numbers": np.where(
            mask, np.where(np.arange(slots) == slots - 1, 0, rng.integers(1, 4, mask.shape)), -1
        ).astype("int32"),
        "object_numbers": np.where(mask, rng.integers(1, 4, mask.shape), -2).astype("int32"),
    }


def id_limit(kind):
    """Return the first id that the model does not know."""
    return VOCABULARY if kind.get("num_buckets") == 0 else VOCABULARY + 13 * 13


def test_equals_the_equations():
    model = make(scoring="untied", encoder="position", num_hops=2, num_buckets=0)
    for hop in model.hops:
        hop.set_weights([np.random.default_rng(1).normal(size=(8, 8)) / 3])
    inputs = batch(VOCABULARY)
    results = outputs(model, inputs)

    def encode(ids, table):
        words = [number for number in ids if number]
        total = np.zeros(8)
        for j, number in enumerate(words, start=1):
            for k in range(1, 9):
                weight = (1 - j / len(words)) - (k / 8) * (1 - 2 * j / len(words))
                total[k - 1] += weight * table[number][k - 1]
        return total

    a, b = (ops.convert_to_numpy(layer.learned) for layer in (model.embedding, model.answer_embedding))
    for row in range(BATCH):
        query = encode(inputs["question_ids"][row], a)
        slots = np.flatnonzero(inputs["memory_mask"][row])
        keys = np.array([encode(inputs["key_ids"][row, slot], a) for slot in slots])
        values = np.array([encode(inputs["value_ids"][row, slot], a) for slot in slots])
        answers = np.array([encode(inputs["value_ids"][row, slot], b) for slot in slots])
        for hop in model.hops:
            address = keys @ query
            weights = np.exp(address) / np.exp(address).sum()
            query = (query + weights @ values) @ ops.convert_to_numpy(hop.kernel)
        np.testing.assert_allclose(results["address"][row, slots], address, atol=1e-4)
        np.testing.assert_allclose(results["scores"][row, slots], answers @ query, atol=1e-4)


def test_weighted_evidence_is_added_to_the_address():
    model, inputs = make(num_buckets=0, num_evidence=3), batch(VOCABULARY)
    without = outputs(model, inputs | {"evidence": 0 * inputs["evidence"]})["scores"]
    filled = inputs["memory_mask"] == 1
    for weights in (np.ones(3), np.array([2.0, -1.0, 0.5])):
        model.evidence_weights.set_weights([weights[:, None]])
        expected = without + inputs["evidence"] @ weights
        for name in ("scores", "address"):
            np.testing.assert_allclose(outputs(model, inputs)[name][filled], expected[filled], rtol=1e-5)


def test_a_second_step_goes_from_objects_to_the_facts_about_them_and_not_back():
    model, inputs = make(num_buckets=0, num_evidence=3, num_hops=2), batch(VOCABULARY)
    rng = np.random.default_rng(2)
    for layer in (model.hops[0], model.stop, model.evidence_weights):
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    results = outputs(model, inputs)
    table, hop = (ops.convert_to_numpy(weight) for weight in (model.embedding.learned, model.hops[0].kernel))
    stop_kernel, stop_bias = model.stop.get_weights()

    def softmax(logits):
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

    for row in range(BATCH):
        slots = np.flatnonzero(inputs["memory_mask"][row])
        query = sum(table[number] for number in inputs["question_ids"][row] if number)
        keys = np.array([sum(table[number] for number in inputs["key_ids"][row, slot] if number) for slot in slots])
        bias = inputs["evidence"][row, slots] @ model.evidence_weights.get_weights()[0][:, 0]
        first = softmax(keys @ query + bias)
        subjects, objects = inputs["subject_numbers"][row, slots], inputs["object_numbers"][row, slots]
        arriving_weights = [
            1.0 if subject == 0 else sum(
                weight
                for weight, middle, start in zip(first, objects, subjects, strict=True)
                if middle == subject and start != end
            )
            for subject, end in zip(subjects, objects, strict=True)
        ]  # fmt: skip
        second = softmax(keys @ (query @ hop) + np.log(np.array(arriving_weights) + 1e-6))
        stays = first[subjects == 0].sum()  # what says that no fact answers
        second = (1 - stays) * second + np.where(subjects == 0, first, 0)
        stop = softmax(query @ stop_kernel + stop_bias)
        np.testing.assert_allclose(np.exp(results["first"][row, slots]), stop[0] * first, rtol=1e-4)
        np.testing.assert_allclose(np.exp(results["second"][row, slots]), stop[1] * second, rtol=1e-4)
        expected = stop[0] * first + stop[1] * second
        np.testing.assert_allclose(np.exp(results["address"][row, slots]), expected, rtol=1e-4)


def test_word_vectors_are_summed_and_hashed_ones_divided_by_the_root_of_their_number():
    model = make()
    learned, fixed = model.embedding(np.array([2, 3, VOCABULARY + 5, VOCABULARY + 40, 0], "int32"), return_parts=True)
    expected = ops.convert_to_numpy(ops.sum(learned, 0) + ops.sum(fixed, 0) / 2**0.5)
    encoded = model.encode(np.array([[2, 3, VOCABULARY + 5, VOCABULARY + 40, 0]], "int32"))
    np.testing.assert_allclose(ops.convert_to_numpy(encoded)[0], expected, rtol=1e-5)


def test_a_name_matches_itself_better_than_a_longer_or_a_shorter_one():
    keras.utils.set_random_seed(6)
    model = KVMemNet(VOCABULARY, hidden_dim=64, num_buckets=13)
    question = VOCABULARY + np.array([[5, 40]])
    names = VOCABULARY + np.array([[5, 40, -VOCABULARY], [5, 40, 90], [5, -VOCABULARY, -VOCABULARY]])
    query, keys = (ops.convert_to_numpy(model.encode(ids.astype("int32"))) for ids in (question, names))
    assert (keys @ query[0]).argmax() == 0


@every_kind
def test_padding_changes_nothing(kind):
    model, inputs = make(**kind), batch(id_limit(kind))
    padded = {name: np.pad(array, [(0, 0)] + [(0, 2)] * (array.ndim - 1)) for name, array in inputs.items()}
    padded["evidence"] = padded["evidence"][..., :3]
    for number, name in enumerate(("subject_numbers", "object_numbers"), start=1):
        padded[name][:, SLOTS:] = -number
    short, long = outputs(model, inputs), outputs(model, padded)
    filled = inputs["memory_mask"] == 1
    for name in ("scores", "address"):
        np.testing.assert_allclose(long[name][:, :SLOTS][filled], short[name][filled], atol=1e-5)
        assert (long[name][:, SLOTS:] < -1e8).all() and (short[name][~filled] < -1e8).all()


@every_kind
def test_slots_have_no_order(kind):
    model, inputs = make(**kind), batch(id_limit(kind))
    order = np.array([3, 0, 4, 2, 1])
    reordered = {name: array if name == "question_ids" else array[:, order] for name, array in inputs.items()}
    np.testing.assert_allclose(
        outputs(model, reordered)["scores"], outputs(model, inputs)["scores"][:, order], atol=1e-5
    )


@pytest.mark.tensorflow(reason="learning takes a minute, and test_backends_agree has the same steps on both backends")
@every_kind
def test_thirty_two_questions_are_memorised(kind):
    keras.utils.set_random_seed(1)
    rng, words = np.random.default_rng(0), 61
    model = KVMemNet(words, **{"hidden_dim": 32, "num_heads": 2, "num_buckets": 13, **kind})
    model.build()
    inputs = {
        "question_ids": rng.integers(1, words, (32, 4)).astype("int32"),
        "key_ids": rng.integers(1, words, (32, SLOTS, 3)).astype("int32"),
        "value_ids": rng.integers(1, words, (32, SLOTS, 2)).astype("int32"),
        "memory_mask": np.ones((32, SLOTS), "int32"),
        "evidence": rng.random((32, SLOTS, 3), "float32"),
        "subject_numbers": rng.integers(1, 4, (32, SLOTS)).astype("int32"),
        "object_numbers": rng.integers(1, 4, (32, SLOTS)).astype("int32"),
    }
    target = rng.integers(0, SLOTS, 32)
    loss = {"scores": keras.losses.CategoricalCrossentropy(from_logits=True)}
    is_jax = keras.backend.backend() == "jax"  # without it JAX compiles each operation by itself
    model.compile(keras.optimizers.Adam(0.02), loss=loss, jit_compile=is_jax)
    targets = {"scores": np.eye(SLOTS, dtype="float32")[target]}
    learn(model, inputs, targets, 60)
    assert (outputs(model, inputs)["scores"].argmax(1) == target).all()


@every_kind
def test_a_saved_model_gives_the_same(kind, tmp_path):
    model, inputs = make(**kind), batch(id_limit(kind))
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(outputs(loaded, inputs)["scores"], outputs(model, inputs)["scores"], atol=1e-6)


@pytest.mark.parametrize("wrong", [{"num_hops": 3}, {"num_evidence": 2, "scoring": "tied"}])
def test_evidence_is_for_a_pointer_of_at_most_two_steps(wrong):
    with pytest.raises(ValueError, match="evidence is for scoring 'pointer'"):
        KVMemNet(VOCABULARY, **{"num_evidence": 3, **wrong})


@pytest.mark.parametrize("wrong", [{"scoring": "none"}, {"encoder": "none"}, {"num_hops": 0}])
def test_unknown_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"scoring .* encoder .* num_hops"):
        KVMemNet(VOCABULARY, **wrong)

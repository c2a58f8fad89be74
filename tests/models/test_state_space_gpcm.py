"""StateSpaceGPCM: skills and slots, an item that training does not have, and what a response changes."""

import keras
import numpy as np
import pytest
from keras import ops

from models.state_space_gpcm import StateSpaceGPCM, own_slot

SKILLS = [0, 1, 1, 2, 2, 3, 3]


def outputs_of(items, responses, skills=SKILLS, **settings):
    keras.utils.set_random_seed(3)
    model = StateSpaceGPCM(len(SKILLS), 3, num_slots=4, key_dim=5, item_skills=skills, **settings)
    steps = {"item_ids": np.array([items], "int32"), "responses": np.array([responses], "int32")}
    outputs = model(steps | {"padding_mask": np.ones((1, len(items)), "int32")})
    return {name: ops.convert_to_numpy(value)[0] for name, value in outputs.items()}


def test_each_skill_starts_in_a_slot_of_its_own():
    address = outputs_of([1, 2, 3, 4, 5, 6], [0] * 6)["address"]
    slots = address.argmax(axis=1)
    assert list(slots) == [SKILLS[item] for item in range(1, 7)] and address.max(axis=1).min() > 0.4
    without_skills = outputs_of([1, 2, 3, 4, 5, 6], [0] * 6, skills=None)["address"]
    assert without_skills.max() < 0.5


def test_a_skill_has_most_of_its_slot_however_many_slots_there_are():
    for slots in (1, 10, 1_000):
        weights = ops.convert_to_numpy(ops.softmax(own_slot((3, slots)), axis=-1))
        assert weights.max(axis=1).min() > 0.84


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="head 'linear' must be one of gpcm, graded"):
        StateSpaceGPCM(3, 2, head="linear")


def test_an_unknown_item_belongs_to_the_slots_of_all():
    address = outputs_of([0], [0])["address"][0]
    assert address[1:].min() > 0.05


def test_good_responses_raise_ability_and_every_response_makes_it_more_certain():
    good, bad = (outputs_of([1, 2, 1, 2, 1, 2], [response] * 6) for response in (2, 0))
    assert (good["ability"][1:] > bad["ability"][1:]).all() and good["ability"][0] == bad["ability"][0]
    for outputs in (good, bad):
        assert outputs["ability_error"][-1] < outputs["ability_error"][0]
    assert (np.diff(outputs_of([1], [0], head="graded")["thresholds"]) > 0).all()

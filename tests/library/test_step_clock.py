"""The clock counts steps with a training call, and nothing else."""

import keras

from keras_concrete.step_clock import StepClock


def test_a_step_is_one_however_often_the_layer_was_called_and_none_if_it_was_not():
    clock, steps = StepClock(), []
    for calls in (1, 20, 0, 2):
        for _ in range(calls):
            clock.note_call()
        assert clock.result() == {}
        steps.append(int(clock.step))
    assert steps == [1, 2, 2, 3]


def test_an_evaluation_begins_with_no_call_waiting():
    clock = StepClock()
    clock.note_call()
    clock.result()
    clock.note_call()  # Outside any step.
    clock.reset_state()  # As `evaluate` does before its first batch.
    clock.result()
    assert int(clock.step) == 1


def test_the_step_is_saved_and_a_file_without_one_leaves_it():
    clock, other, store = StepClock(), StepClock(), {}
    for _ in range(3):
        clock.note_call()
        clock.result()
    clock.save_own_variables(store)
    other.load_own_variables(store)
    assert int(other.step) == 3
    other.load_own_variables({})
    assert int(other.step) == 3


def test_it_is_made_again_from_its_config():
    clock = StepClock(name="temperature_clock")
    revived = keras.metrics.deserialize(keras.metrics.serialize(clock))
    assert type(revived) is StepClock and revived.name == clock.name

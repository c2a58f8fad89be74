"""Calls of layers and models that cost little on JAX."""

import keras


def call_compiled(layer, *inputs, **options):
    """Call a layer or a model and return what it returns.

    On JAX a built one is called in one compiled function: operations that are called one by one are compiled one by one, which
    takes five times as long.
    """
    if keras.backend.backend() != "jax" or not layer.built:
        return layer(*inputs, **options)
    import jax

    @jax.jit
    def call(trainable, others, inputs):
        return layer.stateless_call(trainable, others, *inputs, **options)

    trainable, others = layer.trainable_variables, layer.non_trainable_variables
    result, states = call([variable.value for variable in trainable], [variable.value for variable in others], inputs)
    for variable, state in zip(others, states, strict=True):  # such as the states of random generators
        variable.assign(state)
    return result


def outputs(model, inputs, **options) -> dict:
    """Call a model and return its outputs as NumPy arrays in a dict, `{"output": ...}` where there is but one."""
    result = call_compiled(model, inputs, **options)
    result = result if isinstance(result, dict) else {"output": result}
    return {name: keras.ops.convert_to_numpy(value) for name, value in result.items()}

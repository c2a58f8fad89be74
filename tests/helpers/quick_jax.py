"""The environment of a process on JAX in which nothing runs for long."""

QUICK_JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false",
}
"""Code that is compiled once and run a few times must be compiled quickly. The Makefile has the same for the suite on JAX."""

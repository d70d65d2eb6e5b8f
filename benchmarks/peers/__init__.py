"""Contestants: each file is a program that trains or evaluates the same network.

Nothing here but `ours.py`, `tfp_idiom.py` and `evaluate_ours.py` imports TensorFlow, and
nothing but the first and the last imports `keras_concrete`: the others run in
environments of their own.
"""

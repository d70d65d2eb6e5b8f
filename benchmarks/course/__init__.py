"""The course of a training: the integrality gap, schedules, and the gradient's noise."""

"""Which estimator and which temperature: jobs of several kinds, by all of them."""

"""Methods that recover feature directions: one file a family, one estimator a method."""

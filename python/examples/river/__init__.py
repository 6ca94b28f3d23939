"""The parts of the example on river flow: windows of hours, linear and kernel ridge regression."""

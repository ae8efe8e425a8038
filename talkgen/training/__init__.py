"""Training: losses, data sets, fit loops that scripts/train_* call."""

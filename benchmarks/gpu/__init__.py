"""An exported model's own programs, and training, on one accelerator."""

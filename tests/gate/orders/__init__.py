"""What the recogniser of orders to a model is taught with, and how."""

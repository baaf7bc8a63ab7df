"""What was read to measurements, pure: one module for each kind of subject."""

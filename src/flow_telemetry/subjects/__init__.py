"""What an export can be about: each kind is read and mapped by a module of its own."""

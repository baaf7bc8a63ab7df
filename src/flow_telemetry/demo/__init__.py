"""The demo: a bundled GitHub and a bundled backend, and the real program between them."""

"""The catalogues of the console's words, and the tool that keeps them in step with the code: `make words`."""

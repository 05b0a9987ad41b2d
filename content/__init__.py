"""What a programme says and understands: YAML that editors write, and the code that loads it and finds its faults."""

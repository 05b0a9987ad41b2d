"""Rasa as the classifier: its project made from our content, its server, and how it is asked."""

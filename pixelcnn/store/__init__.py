"""The folder of a model: saved, loaded, recorded, and exchanged with the Hugging Face Hub."""

"""The page in Gradio: the endpoints behind it, and what serves it. The page itself lies in `web/`."""

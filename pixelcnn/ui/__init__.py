"""What the page is made of: the service behind it, its endpoints, its markup, script and style."""

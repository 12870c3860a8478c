"""What the picture is to be: looks, and the way from one to the next."""

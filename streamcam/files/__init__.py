"""What a file or a pipe holds that somebody gives as a source."""

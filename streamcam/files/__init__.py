"""What a file or a pipe holds that a user gives as a source."""

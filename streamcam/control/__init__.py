"""Control: the values that can be played while the program runs, and the doors they come in by."""
